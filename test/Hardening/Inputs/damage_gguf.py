# damage_gguf.py IN OUT (TENSOR OFFSET:HEX | TENSOR zero)...: overwrites bytes of
# tensors, or all of one with zeros.
import struct
import sys

data = bytearray(open(sys.argv[1], "rb").read())


def number(form, at):
    return struct.unpack_from("<" + form, data, at)[0]


def extent(name):
    """Offset and size of a tensor: its entry is its name with its length before."""
    text = struct.pack("<Q", len(name)) + name.encode()
    entry = data.index(text)
    at = entry + len(text)
    dims = number("I", at)
    return number("Q", at + 4 + 8 * dims + 4), entry


# The data is what remains after the offset of the last tensor and its size; it
# starts at a multiple of 32 behind the last entry.
changes = list(zip(sys.argv[3::2], sys.argv[4::2]))
at = 8
tensors, keys = number("Q", 8), number("Q", 16)
last = max(extent(name)[1] for name in ["output.weight"])
text = 8 + len("output.weight")
dims = number("I", last + text)
end = last + text + 4 + 8 * dims + 4 + 8
start = (end + 31) // 32 * 32
offsets = {}
for name, change in changes:
    place = start + extent(name)[0]
    if change == "zero":
        data[place : place + 256 * 144] = bytes(256 * 144)
    else:
        offset, digits = change.split(":")
        raw = bytes.fromhex(digits)
        data[place + int(offset) : place + int(offset) + len(raw)] = raw
open(sys.argv[2], "wb").write(data)
