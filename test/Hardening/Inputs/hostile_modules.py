"""Writes modules that no tool of ours would write: hostile_modules.py OUT."""

import sys

WEIGHT = """module {
  ml_program.global private @w(VALUE : tensor<ROWSxCOLUMNSxf32>) : tensor<ROWSxCOLUMNSxf32>
  func.func @f(%x: tensor<?xCOLUMNSxf32>) -> tensor<?xROWSxf32> {
    %w = ml_program.global_load_const @w : tensor<ROWSxCOLUMNSxf32>
    %y = qopt.linear %x, %w : tensor<?xCOLUMNSxf32>, tensor<ROWSxCOLUMNSxf32> -> tensor<?xROWSxf32>
    return %y : tensor<?xROWSxf32>
  }
}
"""
RESOURCES = "{-# dialect_resources: { builtin: { NAME: \"0xBYTES\" } } #-}\n"
ONE = "0000803F"


def write(name, text):
    with open(f"{sys.argv[1]}/{name}.mlir", "w") as file:
        file.write(text)


def weight(value, rows=4, columns=8):
    text = WEIGHT.replace("VALUE", value)
    return text.replace("ROWS", str(rows)).replace("COLUMNS", str(columns))


def resource(content, name="w"):
    text = RESOURCES.replace("NAME", name).replace("BYTES", content)
    return weight("dense_resource<w>") + text


write("exact", resource("04000000" + ONE * 32))
write("smaller", resource("04000000" + ONE * 31))
write("larger", resource("04000000" + ONE * 33))
write("nowhere", resource("04000000" + ONE * 32, name="v"))
write("alignment", resource("05000000" + ONE * 32))
write("short", resource("00"))
write("overflow", weight("dense<1.0>", 2**32, 2**32))
write("splat", weight("dense<1.0>", 2**20, 2**20))
write("empty", weight("dense<1.0>", 0, 8))

DEEP = 3000
write("brackets", "module attributes {q.a = " + "[" * DEEP + "]" * DEEP + "} {}\n")
write("regions", "module {\n" * DEEP + "}\n" * DEEP)
write(
    "hidden",
    "module attributes {q.a = #qopt.file<//>, q.b = " + "[" * DEEP + "]" * DEEP + "} {}\n"
    '"x">\n',
)
chain = [f"!t{i} = tuple<!t{i - 1}>" for i in range(1, DEEP)]
last = f"func.func private @f(!t{DEEP - 1})"
write("aliases", "\n".join(["!t0 = tuple<i1>", *chain, last]))
write(
    "expression",
    "module attributes {q.a = affine_map<(d0) -> (d0" + " + d0 mod 3" * DEEP * 100 + ")>} {}\n",
)
write("attribute", "module attributes {q.a = #qopt.inline<{x = " + "[" * DEEP + "]" * DEEP + "}>} {}\n")
