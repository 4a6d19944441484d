"""Compares every mix with what llama.cpp's quantizer makes of the same model.

    python -m venv v && v/bin/pip install llama-cpp-python gguf
    v/bin/python benchmarks/gguf_mixes.py [QOPT]

Both quantize models/novella-7m from F16, without importance; types and bytes of
every tensor are compared. Prints a table.
"""

import ctypes
import os
import sys
import tempfile

import llama_cpp
import tool
from gguf import GGUFReader

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
QOPT = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build/bin/qopt")
MODEL = os.path.join(ROOT, "models/novella-7m")
FILE_TYPES = {  # enum llama_ftype
    "q4_0": 2, "q4_1": 3, "q8_0": 7, "q5_0": 8, "q5_1": 9, "q2_k": 10, "q3_k_s": 11,
    "q3_k_m": 12, "q3_k_l": 13, "q4_k_s": 14, "q4_k_m": 15, "q5_k_s": 16, "q5_k_m": 17,
    "q6_k": 18, "iq4_nl": 25, "iq4_xs": 30,
}  # fmt: skip


def main():
    print("| mix | tensors | of the same type | of the same bytes |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        float_, theirs, ours = (os.path.join(folder, n) for n in ("f.gguf", "t.gguf", "o.gguf"))
        tool.run(QOPT, "export", MODEL, "-o", float_)
        for mix, number in FILE_TYPES.items():
            params = llama_cpp.llama_model_quantize_default_params()
            params.ftype = number
            failed = llama_cpp.llama_model_quantize(
                float_.encode(), theirs.encode(), ctypes.byref(params)
            )
            if failed:
                sys.exit(f"llama.cpp cannot make {mix}")
            command = [QOPT, "quantize", MODEL, "-o", ours, "--overwrite", "--format", "gguf"]
            command += ["--method", "rtn", "--type", mix]
            tool.run(*command)
            left = {tensor.name: tensor for tensor in GGUFReader(theirs).tensors}
            right = {tensor.name: tensor for tensor in GGUFReader(ours).tensors}
            if left.keys() != right.keys():
                sys.exit(f"{mix}: other tensors")
            types = sum(left[n].tensor_type == right[n].tensor_type for n in left)
            same = sum(left[n].data.tobytes() == right[n].data.tobytes() for n in left)
            print(f"| {mix} | {len(left)} | {types} | {same} |", flush=True)


main()
