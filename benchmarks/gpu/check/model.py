"""A small model for a bundle: what a user's weights become."""
import gzip
import json
import random
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path


def read_archive(path):
    """The tensors of a safetensors file: name -> (shape, bytes)."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    return {name: (tensor["shape"], data[8 + length + tensor["data_offsets"][0]:
                                         8 + length + tensor["data_offsets"][1]])
            for name, tensor in header.items()}


def write_archive(path, tensors):
    """tensors: name -> (dtype, shape, bytes)"""
    header, offset = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text +
                     b"".join(data for _, _, data in tensors.values()))


def multiply(codes, scales, zeros, n, k, group, x):
    """y = x · Wᵀ of 4-bit codes as the archive stores them, low bits first."""
    groups = k // group
    scale = struct.unpack(f"<{n * groups}e", scales)
    result = [[0.0] * n for _ in x]
    for row in range(n):
        weights = []
        for column in range(k):
            byte = codes[row * (k // 2) + column // 2]
            code = byte >> 4 if column % 2 else byte & 15
            at = row * groups + column // group
            weights.append(scale[at] * (code - zeros[at]))
        for m, values in enumerate(x):
            result[m][row] = sum(map(float.__mul__, weights, values))
    return result


def add_model(qopt, model, out, chip):
    """The path of a user: a small model, quantized, lowered, its weights packed
    by the compiler; and what its first linears must compute."""
    group, rows = 64, 3
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        for command in ([qopt, "import", str(model), "-o", "model.mlir"],
                        [qopt, "model.mlir", f"--rtn-quantize=group={group} archive=codes.safetensors",
                         f"--lower-to-nvptx=chip={chip} archive=packed.safetensors", "--emit=ptx",
                         "-o", "model.ptx"]):
            done = subprocess.run(command, cwd=scratch, text=True, capture_output=True)
            if done.returncode:
                return None, done.stderr.strip()
        tensors = read_archive(scratch / "codes.safetensors")
        ptx = (scratch / "model.ptx").read_bytes()
        calls, values = [], {}
        chance = random.Random(1)
        for name in [name for name in tensors if name.startswith("l0.") and name.endswith(".codes")]:
            symbol = name.removesuffix(".codes")
            n, k = tensors[symbol + ".scales"][0][0], tensors[symbol + ".scales"][0][1] * group
            x = [[chance.randrange(-64, 64) / 64 for _ in range(k)] for _ in range(rows)]
            y = multiply(tensors[name][1], tensors[symbol + ".scales"][1],
                         tensors[symbol + ".zeros"][1], n, k, group, x)
            values[symbol + ".x"] = ("F16", [rows, k], struct.pack(f"<{rows * k}e", *sum(x, [])))
            values[symbol + ".y"] = ("F32", [rows, n], struct.pack(f"<{rows * n}f", *sum(y, [])))
            calls.append([symbol, f"qopt_linear_int4_g{group}_n{n}_k{k}"])
        name = f"model_{chip}"
        (out / f"ptx/{name}.ptx.gz").write_bytes(gzip.compress(ptx, mtime=0))
        # The same for every chip.
        shutil.copy(scratch / "packed.safetensors", out / "ptx/model.weights.safetensors")
        write_archive(out / "ptx/model.values.safetensors", values)
    return {"id": name, "file": f"ptx/{name}.ptx.gz", "chip": chip, "variant": "", "timed": False, "brief": True,
            "archive": {"weights": "ptx/model.weights.safetensors",
                        "values": "ptx/model.values.safetensors", "rows": rows, "calls": calls}}, ""
