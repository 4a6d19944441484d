"""same_model.py A.gguf B.gguf: whether two files hold the same tensors. The name
of the model, which comes from that of a directory, may differ."""
import struct
import sys


def tensors(path):
    with open(path, "rb") as file:
        content = file.read()
    position = 0

    def take(form):
        nonlocal position
        (value,) = struct.unpack_from("<" + form, content, position)
        position += struct.calcsize(form)
        return value

    def text():
        nonlocal position
        length = take("Q")
        position += length
        return content[position - length : position]

    scalars = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?",
               10: "Q", 11: "q", 12: "d"}

    def value(kind):
        if kind == 8:
            return text()
        if kind == 9:
            inner, count = take("I"), take("Q")
            return [value(inner) for _ in range(count)]
        return take(scalars[kind])

    assert take("I") == 0x46554747 and take("I") == 3
    count, keys = take("Q"), take("Q")
    for _ in range(keys):
        text(), value(take("I"))
    infos = []
    for _ in range(count):
        name = text()
        dims = [take("Q") for _ in range(take("I"))]
        infos.append((name, dims, take("I"), take("Q")))
    start = (position + 31) // 32 * 32
    return infos, content[start:]


a, b = tensors(sys.argv[1]), tensors(sys.argv[2])
assert a[0] == b[0], "descriptions differ"
assert a[1] == b[1], "data differ"
