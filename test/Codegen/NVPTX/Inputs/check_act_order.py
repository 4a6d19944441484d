"""A weight of a GPTQ checkpoint in act-order, from its packed archive through
the kernels of a PTX module, against x * W from the tensors of the checkpoint.

usage: check_act_order.py FILE.ptx ARCHIVE SYMBOL CHECKPOINT MODULE

Codes of 4 bits, symmetric. The order in which x is permuted is that of the
columns, stably sorted by g_idx. Where QOPT_LIBCUDA names a driver, the runtime
does the same with it.
"""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from check_linear import HALVES, emulate, permute, table_of


class Tensors:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.content = file.read()
        (length,) = struct.unpack_from("<Q", self.content)
        self.header, self.start = json.loads(self.content[8 : 8 + length]), 8 + length

    def bytes(self, name):
        begin, end = self.header[name]["data_offsets"]
        return self.content[self.start + begin : self.start + end]

    def numbers(self, name, kind):
        data = self.bytes(name)
        return struct.unpack("<%d%s" % (len(data) // struct.calcsize(kind), kind), data)


def by_runtime(arguments, x, order, y_bytes):
    """y of a launch, and y of a graph, by the program of the runtime."""
    with tempfile.TemporaryDirectory() as folder:
        names = [os.path.join(folder, name) for name in ("x", "y", "order")]
        Path(names[0]).write_bytes(x)
        Path(names[2]).write_bytes(struct.pack("<%di" % len(order), *order))
        if subprocess.run(["qopt-cuda-linear", *arguments, *names]).returncode:
            sys.exit("%s do not run" % arguments)
        y = Path(names[1]).read_bytes()
    return y[:y_bytes], y[y_bytes:]


def main():
    path, archive, symbol, checkpoint, module = sys.argv[1:]
    table, packed, stored = table_of(path), Tensors(archive), Tensors(checkpoint)
    group_of = stored.numbers(module + ".g_idx", "i")
    codes = stored.numbers(module + ".qweight", "I")  # [K / 8, N]
    scales = stored.numbers(module + ".scales", "e")  # [G, N]
    k = len(group_of)
    n = 8 * len(codes) // k
    order = sorted(range(k), key=lambda column: group_of[column])
    assert order != list(range(k)), "the checkpoint is not in act-order"

    def weight(row, column):
        code = codes[column // 8 * n + row] >> 4 * (column % 8) & 15
        return scales[group_of[column] * n + row] * (code - 8)

    random.seed(1)
    m = 2
    read, write = HALVES["f16"]
    bits = [write(random.gauss(0, 1)) for _ in range(m * k)]
    (permutation,) = [row for row in table["permutations"] if row["k"] == k]
    x = permute(path, permutation, bits, order, m)
    arrays = [x] + [packed.bytes(symbol + suffix) for suffix in (".packed", ".scales")]
    rows = [row for row in table["kernels"] if (row["n"], row["k"]) == (n, k)]
    expected, largest = {}, 0.0
    for i in range(m):
        for j in range(0, n, 7):
            value = sum(read(bits[i * k + c]) * weight(j, c) for c in range(k))
            expected[i * n + j], largest = value, max(largest, abs(value))

    def check(what, y):
        worst = max(abs(read(struct.unpack_from("<H", y, 2 * at)[0]) - value) for at, value in expected.items())
        right = worst <= 2.02 * 2.0**-11 * largest
        print("%s max error %.2e %s" % (what, worst / largest, "ok" if right else "WRONG"))
        return right

    good = bool(rows)
    for row in rows:
        good &= check(row["entry"], emulate(path, row, arrays, 2 * m * n, m))
    if "QOPT_LIBCUDA" in os.environ:
        launched, replayed = by_runtime([path, archive, symbol, rows[0]["linear"], str(n), str(m)],
                                        struct.pack("<%dH" % (m * k), *bits), order, 2 * m * n)
        good &= check("by the runtime", launched) & check("by its graph", replayed)
    sys.exit(not good)


main()
