"""Multiplies with a weight of a model by the runtime, from the files of qopt.

usage: check_runtime.py KERNELS.ptx PACKED CODES SYMBOL M...

PACKED has the weights for the GPU, CODES the same ones (4 bits, zero points) as
codes, scales and zero points. The driver is that of QOPT_LIBCUDA, the program
runtime/examples/linear.c.
"""
import os
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../../benchmarks/gpu"))
from check.model import multiply, read_archive  # noqa: E402 (the path comes first)
from check_linear import table_of  # noqa: E402

GROUP = 64


def run(arguments, x, outputs):
    """y of a launch, and y of a graph."""
    with tempfile.TemporaryDirectory() as folder:
        names = [os.path.join(folder, name) for name in ("x", "y")]
        Path(names[0]).write_bytes(struct.pack("<%de" % len(x), *x))
        if subprocess.run(["qopt-cuda-linear", *arguments, *names]).returncode:
            sys.exit("%s do not run" % arguments)
        y = struct.unpack("<%de" % (2 * outputs), Path(names[1]).read_bytes())
    return y[:outputs], y[outputs:]


def main(ptx, packed, codes, symbol, *sizes):
    tensors = read_archive(Path(codes))
    (n, groups), scales = tensors[symbol + ".scales"]
    k = groups * GROUP
    table = [row for row in table_of(ptx)["kernels"] if (row["n"], row["k"]) == (n, k)]
    random.seed(1)
    failed = False
    for m in map(int, sizes):
        x = [[random.randrange(-64, 64) / 64 for _ in range(k)] for _ in range(m)]
        expected = sum(multiply(tensors[symbol + ".codes"][1], scales, tensors[symbol + ".zeros"][1],
                                n, k, GROUP, x), [])
        launched, replayed = run([ptx, packed, symbol, table[0]["linear"], str(n), str(m)], sum(x, []), m * n)
        # One rounding to f16 of each weight, and one of y.
        bound = 2.0**-10 * max(map(abs, expected))
        wrong = sum(not abs(y - r) <= bound for y, r in zip(launched, expected))
        differ = sum(a != b for a, b in zip(launched, replayed))
        failed |= wrong + differ > 0
        row = next(row for row in table if not row["max_m"] or m <= row["max_m"])
        print("M=%d %s%s: %d wrong, %d differ as a graph" % (
            m, row["entry"].split("_k%d_" % k)[1], " workspace" if row.get("workspace") else "", wrong, differ))
    sys.exit(failed)


main(*sys.argv[1:])
