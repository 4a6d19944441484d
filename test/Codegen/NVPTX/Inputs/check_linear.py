"""Runs a linear kernel's PTX and compares it with x * dequantized W.

usage: check_linear.py FILE.ptx N K GROUP symmetric|asymmetric f16|bf16 M...
"""
import os
import random
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


def emulate(path, entry, grid, arrays, y_bytes, m):
    """Runs an entry; `arrays` are its inputs in order, y and M follow."""
    with tempfile.TemporaryDirectory() as directory:
        names = [os.path.join(directory, str(i)) for i in range(len(arrays) + 1)]
        for name, data in zip(names, arrays):
            with open(name, "wb") as file:
                file.write(data)
        command = ["ptx-emu", path, "--entry", entry, "--grid", grid]
        command += ["in:" + name for name in names[:-1]]
        command += ["out:%s:%d" % (names[-1], y_bytes), "i32:%d" % m]
        if subprocess.run(command).returncode:
            sys.exit("%s m=%d does not run" % (entry, m))
        with open(names[-1], "rb") as file:
            return file.read()


def pack(n, k, length, codes, scales, zeros):
    """docs/nvptx.md, "The layout", written from the formulas there."""
    tiles, padded = -(-n // 32), -(-k // 128) * 128
    groups = -(-padded // length)
    packed = bytearray(tiles * padded * 16)
    packed_scales = bytearray(tiles * groups * 64)
    packed_zeros = bytearray(tiles * groups * 32)
    nibbles = [0, 4, 1, 5, 2, 6, 3, 7]
    for row in range(n):
        t, j, r = row // 32, row % 32 // 8, row % 8
        for column in range(k):
            c, e = column % 32 // 8, column % 8
            tile = t * (padded // 32) + column // 32
            at = tile * 512 + (4 * r + c) * 16 + 4 * j + nibbles[e] // 2
            packed[at] |= codes[row][column] << 4 * (nibbles[e] % 2)
        for group in range(len(scales[row])):
            at = (t * groups + group) * 32
            place = at + 8 * (r // 2) + 2 * j + r % 2
            struct.pack_into("<e", packed_scales, 2 * place, scales[row][group])
            packed_zeros[at + 4 * r + j] = zeros[row][group]
    return packed, packed_scales, packed_zeros


def main():
    path, n, k, group, symmetry, activation = sys.argv[1:7]
    n, k, group = int(n), int(k), int(group)
    symmetric = symmetry == "symmetric"
    padded = -(-k // 128) * 128
    length = padded if group < 0 else group
    groups = -(-k // length)
    read, write = HALVES[activation]
    random.seed(1)
    codes = [[random.randrange(16) for _ in range(k)] for _ in range(n)]
    scales = [
        [struct.unpack("<e", struct.pack("<e", random.uniform(0.001, 0.1)))[0] for _ in range(groups)]
        for _ in range(n)
    ]
    zeros = [[8 if symmetric else random.randrange(16) for _ in range(groups)] for _ in range(n)]
    weights = pack(n, k, length, codes, scales, zeros)

    name = "int4_g" + ("row" if group < 0 else str(group)) + ("_sym" if symmetric else "")
    entry = "qopt_linear_%s_n%d_k%d" % (name, n, k)
    for m in map(int, sys.argv[7:]):
        x = [[read(write(random.gauss(0, 1))) for _ in range(k)] for _ in range(m)]
        x_bytes = bytearray(b"".join(struct.pack("<H", write(v)) for row in x for v in row))
        arrays = [x_bytes, *weights[: 2 if symmetric else 3]]
        y_bytes = emulate(path, entry, str(-(-n // 32)), arrays, 2 * m * n, m)
        worst = largest = 0.0
        for i in range(m):
            for j in range(n):
                expected = sum(
                    x[i][c] * scales[j][c // length] * (codes[j][c] - zeros[j][c // length])
                    for c in range(k)
                )
                got = read(struct.unpack_from("<H", y_bytes, 2 * (i * n + j))[0])
                worst = max(worst, abs(got - expected))
                largest = max(largest, abs(expected))
        # y is rounded once: half a unit in the last of 11 or 8 bits.
        bound = 2.0**-11 if activation == "f16" else 2.0**-8
        good = worst <= 1.01 * bound * largest
        print("%s m=%d max error %.2e %s" % (entry, m, worst / largest, "ok" if good else "WRONG"))


main()
