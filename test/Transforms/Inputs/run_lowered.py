"""run_lowered.py LOWERED TOKENS.json LIBRARIES OUT.json [FIRST]: the logits that a lowered model computes.

LOWERED is a model after --lower-qopt-to-linalg, LIBRARIES what mlir-runner loads.
Adds a `main` that hands the FIRST (7) tokens to @forward and then the others, if
there are any, which see the cache of the first, and runs it with mlir-opt and
mlir-runner alone.
"""

import json
import re
import subprocess
import sys

PIPELINE = (
    "builtin.module(func.func(convert-elementwise-to-linalg),"
    "one-shot-bufferize{bufferize-function-boundaries},"
    "buffer-deallocation-pipeline,convert-bufferization-to-memref,"
    "convert-linalg-to-loops,lower-affine,"
    "convert-scf-to-cf,expand-strided-metadata,lower-affine,"
    "convert-math-to-llvm,convert-math-to-libm,finalize-memref-to-llvm,"
    "convert-arith-to-llvm,convert-index-to-llvm,convert-cf-to-llvm,"
    "convert-func-to-llvm,reconcile-unrealized-casts)"
)


def call(number, tokens, first, columns):
    count = len(tokens)
    positions = list(range(first, first + count))
    n = number
    return f"""
  %t{n} = arith.constant dense<{tokens}> : tensor<{count}xi32>
  %p{n} = arith.constant dense<{positions}> : tensor<{count}xi32>
  %td{n} = tensor.cast %t{n} : tensor<{count}xi32> to tensor<?xi32>
  %pd{n} = tensor.cast %p{n} : tensor<{count}xi32> to tensor<?xi32>
  %y{n} = call @forward(%td{n}, %pd{n}, %kv, %lengths) : (tensor<?xi32>, tensor<?xi32>, memref<?x2x?x?xf32>, memref<?xi64>) -> tensor<?x{columns}xf32>
  %u{n} = tensor.cast %y{n} : tensor<?x{columns}xf32> to tensor<*xf32>
  call @printMemrefF32(%u{n}) : (tensor<*xf32>) -> ()"""


def main():
    lowered, token_file, libraries, out = sys.argv[1:5]
    first = int(sys.argv[5]) if len(sys.argv) > 5 else 7
    with open(token_file) as file:
        tokens = json.load(file)
    with open(lowered) as file:
        module = file.read()
    entry = re.search(r"func\.func @forward\(.*-> tensor<\?x(\d+)xf32>", module)
    columns = int(entry.group(1))
    body = call(0, tokens[:first], 0, columns)
    if tokens[first:]:
        body += call(1, tokens[first:], first, columns)
    added = f"""
func.func private @printMemrefF32(tensor<*xf32>) attributes {{llvm.emit_c_interface}}
func.func @main() {{
  %layers = arith.constant 8 : index
  %capacity = arith.constant {len(tokens)} : index
  %channels = arith.constant 64 : index
  %zero = arith.constant 0 : i64
  %kv = memref.alloc(%layers, %capacity, %channels) : memref<?x2x?x?xf32>
  %lengths = memref.alloc(%layers) : memref<?xi64>
  linalg.fill ins(%zero : i64) outs(%lengths : memref<?xi64>){body}
  return
}}
"""
    # Before the end of the module; attributes of the file stand behind it.
    end = module.index("\n}\n", module.rindex("func.func @forward")) + 1
    module = module[:end] + added + module[end:]
    llvm = subprocess.run(
        ["mlir-opt", "--pass-pipeline=" + PIPELINE],
        input=module,
        capture_output=True,
        text=True,
    )
    if llvm.returncode:
        sys.exit(llvm.stderr[-4000:])
    run = subprocess.run(
        ["mlir-runner", "-e", "main", "--entry-point-result=void", "--shared-libs=" + libraries],
        input=llvm.stdout,
        capture_output=True,
        text=True,
    )
    if run.returncode:
        sys.exit(run.stderr[-4000:])
    rows = [
        [float(v) for v in row.strip("[] ,").split(",")]
        for row in re.findall(r"\[[^\[\]]*\](?!\s*strides)", run.stdout)
        if row.count(",") + 1 == columns
    ]
    with open(out, "w") as file:
        json.dump(rows, file)


main()
