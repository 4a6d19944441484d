"""Copies a part of a GGUF model under another number: renumber_part.py IN OUT NUMBER"""

import struct
import sys

with open(sys.argv[1], "rb") as file:
    data = file.read()
key = struct.pack("<Q", 8) + b"split.no" + struct.pack("<I", 2)
place = data.index(key) + len(key)
with open(sys.argv[2], "wb") as file:
    file.write(data[:place] + struct.pack("<H", int(sys.argv[3])) + data[place + 2 :])
