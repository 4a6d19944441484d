"""Runs the linear kernels of a PTX module and compares with x * dequantized W.

usage: check_linear.py FILE.ptx [--only REGEX] [--blocks N] M...

For every linear of the module's table of kernels and every M, each kernel that
takes so many rows is executed, not just the one that would be chosen.
--blocks bounds the grid of persistent kernels, as a small GPU would.
"""
import argparse
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

HALVES = {
    "f16": (
        lambda bits: struct.unpack("<e", struct.pack("<H", bits))[0],
        lambda value: struct.unpack("<H", struct.pack("<e", value))[0],
    ),
    "bf16": (
        lambda bits: struct.unpack("<f", struct.pack("<I", bits << 16))[0],
        lambda value: round_bf16(struct.unpack("<I", struct.pack("<f", value))[0]),
    ),
}


def round_bf16(bits):
    return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16


def table_of(path):
    with open(path) as file:
        for line in file:
            found = re.search(r"\bqopt_dispatch\[\d+\] = \{([^}]*)\}", line)
            if found:
                text = bytes(int(value) for value in found[1].split(","))
                return json.loads(text.rstrip(b"\0"))["kernels"]
    sys.exit("%s has no table of kernels" % path)


def emulate(path, row, blocks, arrays, y_bytes, m):
    """Runs an entry; `arrays` are its inputs in order, y and M follow."""
    grid_x = min(row["n_tiles"], blocks) if row["persistent"] else row["n_tiles"]
    grid = "%d,%d" % (grid_x * row["cluster"], -(-m // row["m_tile"]))
    with tempfile.TemporaryDirectory() as directory:
        names = [os.path.join(directory, str(i)) for i in range(len(arrays) + 1)]
        for name, data in zip(names, arrays):
            with open(name, "wb") as file:
                file.write(data)
        command = ["ptx-emu", path, "--entry", row["entry"], "--grid", grid]
        command += ["--shared", str(row["shared"] + m * row["shared_per_row"])]
        command += ["in:" + name for name in names[:-1]]
        command += ["out:%s:%d" % (names[-1], y_bytes), "i32:%d" % m]
        if subprocess.run(command).returncode:
            sys.exit("%s m=%d does not run" % (row["entry"], m))
        with open(names[-1], "rb") as file:
            return file.read()


def pack(n, k, length, codes, scales, zeros):
    """docs/nvptx.md, "The layout", written from the formulas there."""
    tiles, padded = -(-n // 64) * 4, -(-k // 128) * 128
    groups = -(-padded // length)
    packed = bytearray(tiles * padded * 8)
    packed_scales = bytearray(tiles * groups * 32)
    packed_zeros = bytearray(tiles * groups * 16)
    for row in range(n):
        tile, h, g = row // 16, row % 16 // 8, row % 8
        for column in range(k):
            s, u = column % 64 // 16, column % 16 // 8
            t, e = column % 8 // 2, column % 2
            place = tile * (padded // 64) + column // 64
            bit = 4 * (h + 2 * u) + 16 * e
            at = place * 512 + (4 * g + t) * 16 + 4 * s + bit // 8
            packed[at] |= codes[row][column] << bit % 8
        for group in range(len(scales[row])):
            at = (tile * groups + group) * 16 + 2 * g + h
            struct.pack_into("<e", packed_scales, 2 * at, scales[row][group])
            packed_zeros[at] = zeros[row][group]
    return packed, packed_scales, packed_zeros


class Linear:
    """A random weight of a row's shape and scheme, packed and as numbers."""

    def __init__(self, row):
        self.n, self.k = n, k = row["n"], row["k"]
        padded = -(-k // 128) * 128
        length = padded if row["group"] < 0 else row["group"]
        groups = -(-k // length)
        half = lambda value: struct.unpack("<e", struct.pack("<e", value))[0]
        codes = [[random.randrange(16) for _ in range(k)] for _ in range(n)]
        scales = [[half(random.uniform(0.001, 0.1)) for _ in range(groups)] for _ in range(n)]
        zeros = [[random.randrange(16) if row["zeros"] else 8 for _ in range(groups)] for _ in range(n)]
        arrays = pack(n, k, length, codes, scales, zeros)
        self.arrays = list(arrays if row["zeros"] else arrays[:2])
        self.weights = [
            [scales[j][c // length] * (codes[j][c] - zeros[j][c // length]) for c in range(k)]
            for j in range(n)
        ]


def check(path, row, linear, m, blocks):
    n, k = linear.n, linear.k
    read, write = HALVES[row["activations"]]
    x = [[read(write(random.gauss(0, 1))) for _ in range(k)] for _ in range(m)]
    x_bytes = b"".join(struct.pack("<H", write(value)) for line in x for value in line)
    y = emulate(path, row, blocks, [x_bytes, *linear.arrays], 2 * m * n, m)
    worst = largest = 0.0
    for i in range(m):
        for j in range(n):
            expected = sum(map(float.__mul__, x[i], linear.weights[j]))
            got = read(struct.unpack_from("<H", y, 2 * (i * n + j))[0])
            # Not max(): a NaN has to stay.
            worst = abs(got - expected) if not abs(got - expected) <= worst else worst
            largest = max(largest, abs(expected))
    # y is rounded once: half a unit in the last of 11 or 8 bits. Kernels for
    # more than 64 rows also round each scaled weight to f16.
    bound = 2.0**-11 if row["activations"] == "f16" else 2.0**-8
    if row["activations"] == "f16" and (row["max_m"] == 0 or row["max_m"] > 64):
        bound *= 2
    good = worst <= 1.01 * bound * largest
    print("%s m=%d max error %.2e %s" % (row["entry"], m, worst / largest, "ok" if good else "WRONG"))
    return good


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--only", default="")
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("rows", type=int, nargs="+")
    args = parser.parse_args()
    random.seed(1)
    linears, good = {}, True
    for row in table_of(args.file):
        if not re.search(args.only, row["entry"]):
            continue
        linear = linears.get(row["linear"])
        if not linear:
            linear = linears[row["linear"]] = Linear(row)
        for m in args.rows:
            if row["max_m"] == 0 or m <= row["max_m"]:
                good &= check(args.file, row, linear, m, args.blocks)
    sys.exit(not good or not linears)


main()
