"""Writes a random tiny checkpoint and what it computes: tiny_model.py FAMILY OUT.

FAMILY is a key of tiny_families.FAMILIES. OUT becomes a checkpoint directory
with, beside the model, `tokens.json` and `logits.json`, which tiny_reference
computes. Standard library only.
"""

import json
import math
import os
import random
import struct
import sys

from tiny_families import FAMILIES, is_gemma, tensor_shapes
from tiny_reference import logits


def encode(values, dtype):
    if dtype == "F32":
        return struct.pack(f"<{len(values)}f", *values)
    if dtype == "F16":
        return struct.pack(f"<{len(values)}e", *values)
    # BF16: the upper half of the f32.
    return b"".join(struct.pack("<f", value)[2:] for value in values)


def decode(data, dtype):
    if dtype == "F32":
        return list(struct.unpack(f"<{len(data) // 4}f", data))
    if dtype == "F16":
        return list(struct.unpack(f"<{len(data) // 2}e", data))
    return [
        struct.unpack("<f", b"\0\0" + data[i : i + 2])[0]
        for i in range(0, len(data), 2)
    ]


def write_tensors(path, tensors):
    """A safetensors file of name -> (dtype, shape, bytes)."""
    header, offset = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {
            "dtype": dtype,
            "shape": shape,
            "data_offsets": [offset, offset + len(data)],
        }
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, data in tensors.values():
            file.write(data)


def write_safetensors(path, dtype, tensors):
    """The same of name -> (shape, bytes), all of one type."""
    write_tensors(path, {name: (dtype, *tensor) for name, tensor in tensors.items()})


def write_checkpoint(directory, config, dtype, shards, generator):
    """Returns the weights as read back from their stored type."""
    os.makedirs(directory, exist_ok=True)
    stored = {}
    for name, shape in tensor_shapes(config).items():
        count = math.prod(shape)
        if "norm" in name:
            less = 1 if is_gemma(config) else 0
            values = [generator.uniform(0.5, 1.5) - less for _ in range(count)]
        else:
            values = [generator.gauss(0, 0.25) for _ in range(count)]
        stored[name] = (shape, encode(values, dtype))
    with open(os.path.join(directory, "config.json"), "w") as file:
        json.dump(config, file, indent=1)
    if shards == 1:
        write_safetensors(os.path.join(directory, "model.safetensors"), dtype, stored)
    else:
        names, weight_map = sorted(stored), {}
        for shard in range(shards):
            part = {name: stored[name] for name in names[shard::shards]}
            file_name = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
            write_safetensors(os.path.join(directory, file_name), dtype, part)
            weight_map.update((name, file_name) for name in part)
        index = os.path.join(directory, "model.safetensors.index.json")
        with open(index, "w") as file:
            json.dump({"metadata": {}, "weight_map": weight_map}, file)
    weights = {}
    for name, (shape, data) in stored.items():
        flat = decode(data, dtype)
        if len(shape) == 2:
            columns = shape[1]
            flat = [flat[i : i + columns] for i in range(0, len(flat), columns)]
        weights[name] = flat
    return weights


def main(name, directory):
    generator = random.Random(name)
    config, dtype, shards = FAMILIES[name]
    weights = write_checkpoint(directory, config, dtype, shards, generator)
    tokens = [generator.randrange(config["vocab_size"]) for _ in range(12)]
    with open(os.path.join(directory, "tokens.json"), "w") as file:
        json.dump(tokens, file)
    with open(os.path.join(directory, "logits.json"), "w") as file:
        json.dump(logits(config, weights, tokens), file)


if __name__ == "__main__":
    main(*sys.argv[1:])
