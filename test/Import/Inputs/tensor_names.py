"""The names and bytes of the tensors of a safetensors file, sorted."""
import json
import struct
import sys

with open(sys.argv[1], "rb") as file:
    (length,) = struct.unpack("<Q", file.read(8))
    header = json.loads(file.read(length))
for name in sorted(header):
    if name != "__metadata__":
        begin, end = header[name]["data_offsets"]
        print(name, end - begin)
