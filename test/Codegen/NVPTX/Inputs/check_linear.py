"""Runs the linear kernels of a PTX module and compares with x * dequantized W.

usage: check_linear.py FILE.ptx [--only REGEX] [--blocks N] [--row-blocks N]
                       [--resident N] [--once] M...

For every linear of the module's table of kernels and every M, each kernel that
takes so many rows is executed, not just the one that would be chosen. So are
permutations of columns.
--blocks bounds the grid of persistent kernels, as a small GPU would; --row-blocks
bounds the grid along M, over which all kernels stride; --resident bounds the
blocks that run at the same time, the others following in order; with --once a
kernel runs with the last M alone that it takes.
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
                return json.loads(text.rstrip(b"\0"))
    sys.exit("%s has no table of kernels" % path)


FLAGS = 4096  # bytes


def emulate(path, row, arrays, y_bytes, m, blocks=2, row_blocks=65535, resident=0):
    """Runs an entry; `arrays` are its inputs in order, y and M follow."""
    grid_x = min(row["n_tiles"], blocks) if row.get("persistent") else row["n_tiles"]
    grid_y = max(1, min(-(-m // row["m_tile"]), row_blocks))
    grid = "%d,%d" % (grid_x * row.get("cluster", 1), grid_y)
    with tempfile.TemporaryDirectory() as directory:
        names = [os.path.join(directory, str(i)) for i in range(len(arrays) + 1)]
        for name, data in zip(names, arrays):
            with open(name, "wb") as file:
                file.write(data)
        command = ["ptx-emu", path, "--entry", row["entry"], "--grid", grid]
        command += ["--resident", str(resident)] if resident else []
        if "shared" in row:
            command += ["--shared", str(row["shared"] + m * row["shared_per_row"])]
        # A kernel that may begin early shares x and y with the one before.
        late = "late:" if row["overlap"] else ""
        command += [late + "in:" + names[0], *("in:" + name for name in names[1:-1])]
        command += ["%sout:%s:%d" % (late, names[-1], y_bytes), "i32:%d" % m]
        # A workspace: flags that are zero before and after, then anything (NaN).
        workspace = os.path.join(directory, "workspace")
        if "workspace" in row:
            with open(workspace, "wb") as file:
                file.write(bytes(FLAGS) + b"\xff" * (row["workspace"] - FLAGS))
            command.append("%sinout:%s" % (late, workspace))
        if subprocess.run(command).returncode:
            sys.exit("%s m=%d does not run" % (row["entry"], m))
        if "workspace" in row:
            with open(workspace, "rb") as file:
                if any(file.read(FLAGS)):
                    sys.exit("%s m=%d leaves flags" % (row["entry"], m))
        with open(names[-1], "rb") as file:
            return file.read()


def half(value):
    return struct.unpack("<e", struct.pack("<e", value))[0]


class Linear:
    """A random weight of a row's shape and scheme, packed and as numbers:
    docs/nvptx.md, "The layout", written from the formulas there."""

    def __init__(self, row):
        self.row = row
        self.n, self.k, self.bits = row["n"], row["k"], row["bits"]
        self.tiles, self.padded = -(-self.n // 64) * 4, -(-self.k // 128) * 128
        self.length = self.padded if row["group"] < 0 else row["group"]
        self.codes = [random.choices(range(1 << self.bits), k=self.k) for _ in range(self.n)]
        self.pack_codes()
        self.weights = [[0.0] * self.k for _ in range(self.n)]
        self.parameters = []  # the components after the codes
        if row["super_scales"]:
            self.make_levels()
        else:
            self.make_halves()
        self.arrays = [self.packed, *self.parameters]

    def pack_codes(self):
        tile_bytes = 128 * self.bits
        self.packed = bytearray(self.tiles * (self.padded // 64) * tile_bytes)
        places = [[self.places(row, column) for column in range(64)] for row in range(16)]
        for row in range(self.n):
            first_tile = row // 16 * (self.padded // 64)
            for column, code in enumerate(self.codes[row]):
                tile = (first_tile + column // 64) * tile_bytes
                for byte, bit, first, mask in places[row % 16][column % 64]:
                    self.packed[tile + byte] |= (code >> first & mask) << bit

    def places(self, row, column):
        """Where a code of a tile lies: for each plane a byte, a bit of it, the
        plane's first bit of the code, and its mask."""
        widths = [width for width in (8, 4, 2, 1) if self.bits & width]
        h, g = row // 8, row % 8
        s, u = column // 16, column % 16 // 8
        t, e = column % 8 // 2, column % 2
        lane, pair, first, result = 4 * g + t, 4 * s + h + 2 * u, 0, []
        for width in widths:
            pairs = 16 // width
            word, f = divmod(pair, pairs)
            if first == 0:
                bit = width * f
            else:
                lowest = 8 // widths[0]
                j, r = divmod(f, lowest)
                half_way = pairs // lowest // 2
                bit = (widths[0] * r + first + 8 * (j // half_way) + width * (j % half_way)) % 16
            bit += 16 * e
            side = min(width, 4)
            byte = 128 * first + 4 * ((word // side * 32 + lane) * side + word % side) + bit // 8
            result.append((byte, bit % 8, first, (1 << width) - 1))
            first += width
        return result

    def set_weights(self, row, group, scale, zero, minimum):
        for column in range(group * self.length, min(self.k, (group + 1) * self.length)):
            self.weights[row][column] = scale * (self.codes[row][column] - zero) - minimum

    def make_halves(self):
        """One f16 scale per group, and a zero point or an f16 minimum."""
        minima, zeros = self.row["minima"], self.row["zeros"]
        groups, each = -(-self.padded // self.length), 4 if minima else 2
        scales = bytearray(self.tiles * groups * 16 * each)
        zero_points = bytearray(self.tiles * groups * 16)
        for row in range(self.n):
            tile, h, g = row // 16, row % 16 // 8, row % 8
            for group in range(-(-self.k // self.length)):
                record = tile * groups + group
                scale, minimum = half(random.uniform(0.001, 0.1)), 0.0
                zero = self.row["zero"]
                struct.pack_into("<e", scales, 2 * (record * 8 * each + each * g + h), scale)
                if zeros:
                    zero = random.randrange(1 << self.bits)
                    zero_points[record * 16 + 2 * g + h] = zero
                if minima:
                    minimum = -half(scale * random.uniform(-(1 << self.bits), 1))
                    struct.pack_into("<e", scales, 2 * (record * 32 + 4 * g + 2 + h), -minimum)
                self.set_weights(row, group, scale, zero, minimum)
        self.parameters = [scales, zero_points] if zeros else [scales]

    def make_levels(self):
        """Integers s and m per group, d and dmin per 256 columns."""
        minima, chunks, supers = self.row["minima"], self.padded // 128, self.k // 256
        nibbles, in_chunk, each = minima and self.length == 16, 128 // self.length, 4 if minima else 2
        levels = bytearray(self.tiles * chunks * 128)
        super_scales = bytearray(self.tiles * supers * 16 * each)
        for row in range(self.n):
            tile, h, g = row // 16, row % 16 // 8, row % 8
            for block in range(supers):
                d, dmin = half(random.uniform(0.0001, 0.001)), half(random.uniform(0.001, 0.01))
                at = (tile * supers + block) * 8 * each + each * g + h
                struct.pack_into("<e", super_scales, 2 * at, d)
                if minima:
                    struct.pack_into("<e", super_scales, 2 * (at + 2), dmin)
                for group in range(block * 256 // self.length, (block + 1) * 256 // self.length):
                    most = 16 if nibbles else 64
                    level, minimum = random.randrange(most), random.randrange(most) if minima else 0
                    level = level if minima else random.randrange(-128, 128)
                    at = (tile * chunks + group // in_chunk) * 128 + 16 * g
                    at += 16 // in_chunk * (group % in_chunk) + h
                    levels[at] = level & 255 | (minimum << 4 if nibbles else 0)
                    if minima and not nibbles:
                        levels[at + 2] = minimum
                    self.set_weights(row, group, d * level, self.row["zero"], dmin * minimum)
        self.parameters = [levels, super_scales]


def check(row, linear, m, args):
    n, k = linear.n, linear.k
    read, write = HALVES[row["activations"]]
    x = [[read(write(random.gauss(0, 1))) for _ in range(k)] for _ in range(m)]
    x_bytes = b"".join(struct.pack("<H", write(value)) for line in x for value in line)
    arrays = [x_bytes, *linear.arrays]
    y = emulate(args.file, row, arrays, 2 * m * n, m, args.blocks, args.row_blocks, args.resident)
    worst = largest = 0.0
    for i in range(m):
        for j in range(n):
            expected = sum(map(float.__mul__, x[i], linear.weights[j]))
            got = read(struct.unpack_from("<H", y, 2 * (i * n + j))[0])
            # Not max(): a NaN has to stay.
            worst = abs(got - expected) if not abs(got - expected) <= worst else worst
            largest = max(largest, abs(expected))
    # y is rounded once: half a unit in the last of 11 or 8 bits. Some kernels
    # also round the scale, the minimum and each weight.
    bound = 2.0**-11 if row["activations"] == "f16" else 2.0**-8
    if "stream" not in row["entry"] and (row["minima"] or linear.length < 32):
        bound *= 3
    elif row["activations"] == "f16" and (row["max_m"] == 0 or row["max_m"] > 64):
        bound *= 2
    good = worst <= 1.01 * bound * largest
    text = (row["entry"], m, row["n_tiles"], row["block"], worst / (largest or 1), "ok" if good else "WRONG")
    print("%s m=%d tiles=%d threads=%d max error %.2e %s" % text)
    return good


def permute(path, row, x, order, m):
    """x, rows of 16-bit words, with its columns in another order."""
    k = row["k"]
    arrays = [struct.pack("<%dH" % (m * k), *x), struct.pack("<%di" % k, *order)]
    return emulate(path, row, arrays, 2 * m * k, m)


def check_permutation(path, row, m):
    k = row["k"]
    x = [random.randrange(1 << 16) for _ in range(m * k)]
    order = random.sample(range(k), k)
    y = permute(path, row, x, order, m)
    good = y == struct.pack("<%dH" % (m * k), *(x[i * k + j] for i in range(m) for j in order))
    print("%s m=%d %s" % (row["entry"], m, "ok" if good else "WRONG"))
    return good


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--only", default="")
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--row-blocks", type=int, default=65535)
    parser.add_argument("--resident", type=int, default=0)
    parser.add_argument("--once", action="store_true")
    parser.add_argument("rows", type=int, nargs="+")
    args = parser.parse_args()
    random.seed(1)
    linears, table = {}, table_of(args.file)
    permutations = [row for row in table.get("permutations", []) if re.search(args.only, row["entry"])]
    good = all([check_permutation(args.file, row, m) for row in permutations for m in args.rows])
    for row in table["kernels"]:
        if not re.search(args.only, row["entry"]):
            continue
        linear = linears.get(row["linear"])
        if not linear:
            linear = linears[row["linear"]] = Linear(row)
        taken = [m for m in args.rows if row["max_m"] == 0 or m <= row["max_m"]]
        for m in taken[-1:] if args.once else taken:
            good &= check(row, linear, m, args)
    sys.exit(not good or not linears and not permutations)


if __name__ == "__main__":
    main()
