"""Writes a sound tiny checkpoint and spoiled copies: hostile_checkpoints.py OUT."""

import json
import os
import shutil
import struct
import sys

import damaged_model

OUT = sys.argv[1]
SOUND = f"{OUT}/sound"
damaged_model.main(SOUND)
with open(f"{SOUND}/model.safetensors", "rb") as file:
    WEIGHTS = file.read()
LENGTH = struct.unpack("<Q", WEIGHTS[:8])[0]
HEADER = json.loads(WEIGHTS[8 : 8 + LENGTH])


def copy(name):
    shutil.copytree(SOUND, f"{OUT}/{name}")
    return f"{OUT}/{name}"


def change_weights(name, content):
    with open(copy(name) + "/model.safetensors", "wb") as file:
        file.write(content)


def change_header(name, change):
    header = json.loads(json.dumps(HEADER))
    change(header)
    text = json.dumps(header).encode()
    change_weights(name, struct.pack("<Q", len(text)) + text + WEIGHTS[8 + LENGTH :])


def change_text(name, file_name, text):
    with open(f"{copy(name)}/{file_name}", "w") as file:
        file.write(text)


def change_json(name, file_name, change):
    with open(f"{SOUND}/{file_name}") as file:
        content = json.load(file)
    change(content)
    change_text(name, file_name, json.dumps(content))


def shard(name, second, missing=None):
    """Two shards, the second one under the name `second` in the index."""
    directory = copy(name)
    first = "model-00001-of-00002.safetensors"
    os.rename(f"{directory}/model.safetensors", f"{directory}/{first}")
    weight_map = dict.fromkeys(HEADER, first)
    weight_map["lm_head.weight"] = second
    if missing:
        weight_map[missing] = first
    with open(f"{directory}/model.safetensors.index.json", "w") as file:
        json.dump({"metadata": {}, "weight_map": weight_map}, file)
    return directory


def replace_by_link(name, file_name):
    path = f"{copy(name)}/{file_name}"
    os.remove(path)
    os.symlink(f"../sound/{file_name}", path)


shard("absolute", "/etc/passwd")
shard("parent", "../sound/model.safetensors")
os.symlink("../sound/model.safetensors", shard("link", "linked") + "/linked")
shard("missing-shard", "model-00002-of-00002.safetensors")
second = shard("missing-tensor", "model-00002-of-00002.safetensors")
damaged_model.tiny_model.write_safetensors(
    f"{second}/model-00002-of-00002.safetensors", "F16", {"other": ([1], b"\0\0")}
)
replace_by_link("linked-config", "config.json")
replace_by_link("linked-weights", "model.safetensors")

pickle = copy("pickle")
os.rename(f"{pickle}/model.safetensors", f"{pickle}/pytorch_model.bin")
change_json(
    "remote-code", "config.json", lambda c: c.update(auto_map={"AutoModel": "m.X"})
)
change_weights("long-header", struct.pack("<Q", 2**63) + WEIGHTS[8:])
change_weights("truncated", WEIGHTS[:-1])
change_header("unknown-type", lambda h: h["lm_head.weight"].update(dtype="F7"))
change_header("integers", lambda h: h["model.norm.weight"].update(dtype="I16"))
change_text("deep-config", "config.json", '{"a":' * 100000)
change_text("deep-tokenizer", "tokenizer.json", "[" * 100000)
change_json(
    "outside-token", "tokenizer.json", lambda t: t["model"]["vocab"].update({"B": 2**40})
)
