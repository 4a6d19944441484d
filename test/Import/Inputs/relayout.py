"""Rewrites a checkpoint as other programs lay it out: relayout.py KIND IN OUT.

`stacked`: the experts of a layer in two tensors, as transformers has them since
version 5. `multimodal`, `multimodal-old`: as the text model of a multimodal one,
with tensors and keys of another part, as since and before transformers 4.52.
"""

import json
import os
import shutil
import struct
import sys

from tiny_model import write_tensors


def read(directory):
    tensors = {}
    for name in sorted(os.listdir(directory)):
        if not name.endswith(".safetensors"):
            continue
        with open(os.path.join(directory, name), "rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header, data = json.loads(file.read(length)), file.read()
        for tensor, entry in header.items():
            begin, end = entry["data_offsets"]
            tensors[tensor] = entry["dtype"], entry["shape"], data[begin:end]
    return tensors


def write(directory, tensors):
    write_tensors(os.path.join(directory, "model.safetensors"), tensors)


def stack(tensors, config):
    mixtral = config["model_type"] == "mixtral"
    layers = config["num_hidden_layers"]
    experts = config["num_local_experts" if mixtral else "num_experts"]
    gate, up, down = ("w1", "w3", "w2") if mixtral else ("gate_proj", "up_proj", "down_proj")
    for layer in range(layers):
        new = f"model.layers.{layer}.mlp."
        old = f"model.layers.{layer}.block_sparse_moe." if mixtral else new
        tensors[new + "gate.weight"] = tensors.pop(old + "gate.weight")
        both, downs = [], []
        for expert in range(experts):
            prefix = f"{old}experts.{expert}."
            both += [tensors.pop(prefix + part + ".weight") for part in (gate, up)]
            downs.append(tensors.pop(prefix + down + ".weight"))
        rows, columns = both[0][1]
        data = b"".join(part[2] for part in both)
        tensors[new + "experts.gate_up_proj"] = both[0][0], [experts, 2 * rows, columns], data
        data = b"".join(part[2] for part in downs)
        tensors[new + "experts.down_proj"] = downs[0][0], [experts, columns, rows], data
    return tensors


def embed(tensors, config, old):
    def renamed(name):
        if old or name.startswith("lm_head"):
            return "language_model." * old + name
        return "model.language_model." + name.removeprefix("model.")

    result = {renamed(name): tensor for name, tensor in tensors.items()}
    for part in ("vision_tower.a.weight", "multi_modal_projector.b.weight"):
        result[("" if old else "model.") + part] = "F16", [2], b"\0" * 4
    outer = {
        "architectures": ["Gemma3ForConditionalGeneration"],
        "model_type": "gemma3",
        "eos_token_id": [2, 3],
        "vision_config": {"model_type": "siglip_vision_model", "hidden_size": 8},
        "text_config": config,
    }
    del config["architectures"], config["eos_token_id"]
    return result, outer


def main(kind, source, target):
    os.makedirs(target)
    with open(os.path.join(source, "config.json")) as file:
        config = json.load(file)
    tensors = read(source)
    if kind == "stacked":
        tensors = stack(tensors, config)
    else:
        tensors, config = embed(tensors, config, kind == "multimodal-old")
    write(target, tensors)
    with open(os.path.join(target, "config.json"), "w") as file:
        json.dump(config, file, indent=1)
    for name in ("tokens.json", "logits.json"):
        shutil.copy(os.path.join(source, name), target)


main(*sys.argv[1:])
