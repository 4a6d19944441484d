"""one_linear.py SCHEME ROWS COLUMNS: a module with one linear, packed for the CPU."""

import sys

scheme, rows, columns = sys.argv[1:]
weight = f"!qopt.packed<{rows}x{columns}xf16, {scheme}, #qopt.interleaved<rows = 16>>"
print(
    f"func.func @f(%x: tensor<?x{columns}xf32>, %w: {weight}) -> tensor<?x{rows}xf32> {{\n"
    f"  %0 = qopt.linear %x, %w : tensor<?x{columns}xf32>, {weight} -> tensor<?x{rows}xf32>\n"
    f"  return %0 : tensor<?x{rows}xf32>\n}}"
)
