# Reads importance matrices and statistics with code of its own.
#   M.gguf STATS      sums and counts of M are those of STATS
#   M.gguf --dat OUT  writes M in the form of older versions of llama.cpp
#   --foreign OUT     writes one of a model with three columns
#   --experts M       every token comes to two of four experts
#   --same-tensors A B, --better A.json B.json
import json
import struct
import sys


def gguf(path):
    data = open(path, "rb").read()
    place = 8
    types = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

    def take(form):
        nonlocal place
        value = struct.unpack_from("<" + form, data, place)[0]
        place += struct.calcsize("<" + form)
        return value

    def text():
        nonlocal place
        size = take("Q")
        place += size
        return data[place - size : place].decode()

    def value(kind):
        if kind == 8:
            return text()
        if kind == 9:
            element = take("I")
            return [value(element) for _ in range(take("Q"))]
        return take(types[kind])

    tensors, keys = take("Q"), take("Q")
    metadata = {}
    for _ in range(keys):
        name = text()
        metadata[name] = value(take("I"))
    heads = []
    for _ in range(tensors):
        name = text()
        dims = [take("Q") for _ in range(take("I"))]
        heads.append((name, dims, take("I"), take("Q")))
    start = (place + 31) // 32 * 32
    ends = [head[3] for head in heads[1:]] + [len(data) - start]
    return metadata, {
        name: (dims, kind, data[start + offset : start + end])
        for (name, dims, kind, offset), end in zip(heads, ends)
    }


def floats(tensor):
    dims, kind, raw = tensor
    assert kind == 0
    return list(struct.unpack_from("<%df" % (dims[0] * dims[1]), raw))


def importance(path):
    _, tensors = gguf(path)
    return {
        name[:-8]: (floats(tensors[name]), floats(tensors[name[:-8] + ".counts"]))
        for name in tensors
        if name.endswith(".in_sum2")
    }


def dat(entries, path):
    with open(path, "wb") as file:
        file.write(struct.pack("<i", len(entries)))
        for name, (values, calls) in sorted(entries.items()):
            file.write(struct.pack("<i", len(name)) + name.encode())
            file.write(struct.pack("<ii", calls, len(values)))
            file.write(struct.pack("<%df" % len(values), *values))
        file.write(struct.pack("<ii", 4, 5) + b"a.txt")


words = sys.argv[1:]
if words[0] == "--foreign":
    dat({"blk.0.attn_q.weight": ([1.0, 2.0, 3.0], 1)}, words[1])
elif words[0] == "--experts":
    entries = importance(words[1])
    tokens = entries["blk.0.attn_q.weight"][1]
    sums, counts = entries["blk.0.ffn_gate_exps.weight"]
    assert len(counts) == 4 and len(sums) == 4 * 32 and sum(counts) == 2 * tokens[0], counts
    for expert, count in enumerate(counts):
        assert (count > 0) == any(sums[32 * expert : 32 * expert + 32])
elif words[0] == "--same-tensors":
    assert gguf(words[1])[1] == gguf(words[2])[1]
elif words[0] == "--better":
    a, b = (json.load(open(word))["kl_mean"] for word in words[1:])
    assert a < 0.95 * b, (a, b)
elif words[1] == "--dat":
    # A power of two as the number of calls keeps the quotients as they are.
    dat({name: (sums, int(counts[0])) for name, (sums, counts) in importance(words[0]).items()}, words[2])
else:
    raw = open(words[1], "rb").read()
    size = struct.unpack_from("<Q", raw)[0]
    header = json.loads(raw[8 : 8 + size])
    symbols = {"attn_output": "attn_o"}
    entries = importance(words[0])
    assert len(entries) == 6 * 7, len(entries)
    for name, (sums, counts) in entries.items():
        _, layer, part, _ = name.split(".")
        group = header["__metadata__"]["l%s.%s" % (layer, symbols.get(part, part))]
        assert counts == [float(header["__metadata__"][group + ".samples"])] == [512.0]
        begin, end = header[group + ".sum_squares"]["data_offsets"]
        assert raw[8 + size + begin : 8 + size + end] == struct.pack("<%df" % len(sums), *sums), name
