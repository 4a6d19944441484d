"""Cuts a checkpoint of one safetensors file into several.

    shard_checkpoint.py SOURCE OUT COUNT
"""

import json
import os
import shutil
import struct
import sys

source, out, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
os.makedirs(out)
for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
    shutil.copy(os.path.join(source, name), out)
with open(os.path.join(source, "model.safetensors"), "rb") as file:
    data = file.read()
(length,) = struct.unpack("<Q", data[:8])
header = json.loads(data[8 : 8 + length])
header.pop("__metadata__", None)
names = sorted(header)
weight_map = {}
for shard in range(count):
    part, body = {}, b""
    for name in names[shard::count]:
        begin, end = header[name]["data_offsets"]
        content = data[8 + length + begin : 8 + length + end]
        part[name] = dict(header[name], data_offsets=[len(body), len(body) + len(content)])
        body += content
    file_name = f"model-{shard + 1:05}-of-{count:05}.safetensors"
    weight_map |= dict.fromkeys(part, file_name)
    text = json.dumps(part).encode()
    with open(os.path.join(out, file_name), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)
with open(os.path.join(out, "model.safetensors.index.json"), "w") as file:
    json.dump({"metadata": {}, "weight_map": weight_map}, file)
