"""Makes variants of a checkpoint that `qopt export --format gptq` or
`compressed-tensors` wrote.

    quantized_checkpoints.py VARIANT FROM TO

shards       three files, cut between the components of a weight
mislabelled  config.json calls zero points of version 2 those of version 1
old          without quantization_config, with quantize_config.json
act-order    the channels between the two halves of each feed-forward layer in a
             random order, which scatters the groups of down_proj's columns
             (symmetric grids only)
act-inputs   the inputs of o_proj, too, in a random order that nothing before it
             follows: another model, which has to permute when it runs
KEY=JSON     config.json with another value in quantization_config
NAME:EDIT    one tensor edited: drop, nan (its first element), flat (a dimension
             less), i64 (another element type), ramp (g_idx: one group too large)
"""
import json
import os
import random
import shutil
import struct
import sys


def load(path):
    with open(path, "rb") as file:
        content = file.read()
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = [
            entry["dtype"],
            entry["shape"],
            content[8 + length + begin : 8 + length + end],
        ]
    return tensors


def save(path, tensors):
    header, data = {}, b""
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {
            "dtype": dtype,
            "shape": shape,
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def permute_columns(tensor, order, width):
    """Columns of a matrix whose elements are `width` bytes."""
    _, (rows, columns), raw = tensor
    result = bytearray()
    for row in range(rows):
        line = raw[row * columns * width : (row + 1) * columns * width]
        for column in order:
            result += line[column * width : (column + 1) * width]
    tensor[2] = bytes(result)


def permute_inputs(tensors, module, order):
    """Codes are packed along the inputs, 8 to a word."""
    _, (words, rows), raw = tensors[module + ".qweight"]
    packed = struct.unpack(f"<{words * rows}I", raw)
    result = [0] * (words * rows)
    for to, source in enumerate(order):
        for n in range(rows):
            code = packed[source // 8 * rows + n] >> (4 * (source % 8)) & 15
            result[to // 8 * rows + n] |= code << (4 * (to % 8))
    tensors[module + ".qweight"][2] = struct.pack(f"<{words * rows}I", *result)
    groups = struct.unpack(f"<{len(order)}i", tensors[module + ".g_idx"][2])
    scattered = [groups[source] for source in order]
    tensors[module + ".g_idx"][2] = struct.pack(f"<{len(order)}i", *scattered)


def shuffled(generator, count):
    order = list(range(count))
    generator.shuffle(order)
    return order


def scatter(tensors, layers):
    generator = random.Random(1)
    for layer in range(layers):
        mlp = f"model.layers.{layer}.mlp."
        order = shuffled(generator, tensors[mlp + "gate_proj.qweight"][1][1])
        for name in ("gate_proj", "up_proj"):
            permute_columns(tensors[mlp + name + ".qweight"], order, 4)
            permute_columns(tensors[mlp + name + ".scales"], order, 2)
        permute_inputs(tensors, mlp + "down_proj", order)


def scatter_inputs(tensors, layers):
    generator = random.Random(2)
    for layer in range(layers):
        module = f"model.layers.{layer}.self_attn.o_proj"
        order = shuffled(generator, tensors[module + ".qweight"][1][1])
        permute_inputs(tensors, module, order)


def edit(tensors, name, how):
    dtype, shape, raw = tensors[name]
    if how == "drop":
        del tensors[name]
    elif how == "nan":
        tensors[name][2] = b"\x00\x7e" + raw[2:]
    elif how == "flat":
        tensors[name][1] = [shape[0] * shape[1]]
    elif how == "i64":
        tensors[name][:2] = ["I64", [shape[0], shape[1] // 2]]
    elif how == "ramp":
        tensors[name][2] = struct.pack("<i", shape[0]) + raw[4:]
    else:
        sys.exit(f"unknown edit {how}")


def main():
    variant, source, target = sys.argv[1:]
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    weights = os.path.join(target, "model.safetensors")
    config_path = os.path.join(target, "config.json")
    with open(config_path) as file:
        config = json.load(file)
    quantization = config["quantization_config"]
    tensors = load(weights)
    if variant == "shards":
        names = sorted(tensors)
        cuts = [0, len(names) // 3 + 3, 2 * len(names) // 3 + 3, len(names)]
        place = {}
        for i in range(3):
            name = f"model-{i + 1:05}-of-00003.safetensors"
            part = {each: tensors[each] for each in names[cuts[i] : cuts[i + 1]]}
            save(os.path.join(target, name), part)
            place.update(dict.fromkeys(part, name))
        split = [n for n in (names[cuts[1] - 1], names[cuts[1]])]
        assert split[0].rsplit(".", 1)[0] == split[1].rsplit(".", 1)[0], split
        with open(weights + ".index.json", "w") as file:
            json.dump({"metadata": {}, "weight_map": place}, file)
        os.remove(weights)
    elif variant == "mislabelled":
        quantization["checkpoint_format"] = "gptq"
    elif variant == "old":
        del config["quantization_config"]
    elif variant in ("act-order", "act-inputs"):
        scatter(tensors, config["num_hidden_layers"])
        if variant == "act-inputs":
            scatter_inputs(tensors, config["num_hidden_layers"])
        quantization["desc_act"] = True
        save(weights, tensors)
    elif "=" in variant:
        key, value = variant.split("=", 1)
        place = quantization
        *path, last = key.split("/")
        for each in path:
            place = place[each]
        place[last] = json.loads(value)
    else:
        edit(tensors, *variant.rsplit(":", 1))
        save(weights, tensors)
    with open(config_path, "w") as file:
        json.dump(config, file)


main()
