"""Writes a tiny checkpoint with weights as no training leaves them.

    damaged_model.py OUT [TENSOR=DAMAGE]...

OUT becomes a checkpoint directory of two layers with a tokenizer of 64 bytes.
DAMAGE is nan, inf (one element each, in row 1, column 2), huge (all elements
the largest f16), zero, zero-rows or zero-columns (every other one). Standard
library only.
"""

import json
import os
import random
import struct
import sys

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "..", "Import", "Inputs"))
import tiny_model


def damaged(values, shape, damage):
    columns = shape[-1]
    if damage in ("nan", "inf"):
        values[(columns if len(shape) > 1 else 0) + 2] = float(damage)
        return values
    if damage == "huge":
        return [65504.0] * len(values)
    if damage == "zero":
        return [0.0] * len(values)
    if damage == "zero-rows":
        return [0.0 if i // columns % 2 else v for i, v in enumerate(values)]
    if damage == "zero-columns":
        return [0.0 if i % columns % 2 else v for i, v in enumerate(values)]
    sys.exit(f"unknown damage {damage}")


def write_tokenizer(path):
    # Printable bytes stand for themselves in the byte-level alphabet.
    vocabulary = {chr(ord("@") + i): i for i in range(62)}
    vocabulary["Ġ"] = 62
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
    end = {"id": 63, "content": "<|end|>", "special": True}
    flags = dict.fromkeys(["single_word", "lstrip", "rstrip", "normalized"], False)
    model = {"type": "BPE", "vocab": vocabulary, "merges": []}
    with open(path, "w") as file:
        json.dump(
            {
                "version": "1.0",
                "added_tokens": [end | flags],
                "normalizer": None,
                "pre_tokenizer": byte_level,
                "post_processor": None,
                "decoder": byte_level,
                "model": model,
            },
            file,
        )


def main(directory, *damages):
    damage_of = dict(pair.split("=") for pair in damages)
    generator = random.Random(11)
    config, dtype, _ = tiny_model.FAMILIES["llama2"]
    os.makedirs(directory, exist_ok=True)
    stored = {}
    for name, shape in tiny_model.tensor_shapes(config).items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        values = [generator.gauss(1 if "norm" in name else 0, 0.25) for _ in range(count)]
        if name in damage_of:
            values = damaged(values, shape, damage_of.pop(name))
        stored[name] = (shape, tiny_model.encode(values, dtype))
    if damage_of:
        sys.exit(f"no tensors {list(damage_of)}")
    tiny_model.write_safetensors(f"{directory}/model.safetensors", dtype, stored)
    with open(f"{directory}/config.json", "w") as file:
        json.dump(config, file)
    write_tokenizer(f"{directory}/tokenizer.json")


if __name__ == "__main__":
    main(*sys.argv[1:])
