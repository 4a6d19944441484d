"""Fails if a float in a .safetensors file is not finite: check_finite.py FILE."""

import json
import math
import struct
import sys

LETTERS = {"F16": "e", "F32": "f", "F64": "d"}

with open(sys.argv[1], "rb") as file:
    length = struct.unpack("<Q", file.read(8))[0]
    header = json.loads(file.read(length))
    data = file.read()
checked = 0
for name, tensor in header.items():
    letter = LETTERS.get(tensor.get("dtype"))
    if letter is None:
        continue
    begin, end = tensor["data_offsets"]
    for value in struct.iter_unpack("<" + letter, data[begin:end]):
        checked += 1
        if not math.isfinite(value[0]):
            sys.exit(f"{name}: {value[0]}")
if not checked:
    sys.exit("no floats")
