"""Checks a GGUF file against the Hugging Face checkpoint that it came from.

An independent reader: standard library only. Every key that llama.cpp needs,
the layout of the file, and every number of every tensor, with the rows of q and
k in the order of the llama architecture.

    check_gguf.py CHECKPOINT FILE MATRIX_TYPE BLOCK_TYPE
"""

import json
import mmap
import struct
import sys

SCALARS = ["B", "b", "H", "h", "I", "i", "f", "?", None, None, "Q", "q", "d"]
TYPES = {0: "f32", 1: "f16", 2: "q4_0", 3: "q4_1", 8: "q8_0"}
FILE_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q8_0": 7}
BLOCKS = {"f32": (1, 4), "f16": (1, 2), "q4_0": (32, 18), "q4_1": (32, 20), "q8_0": (32, 34)}
# Largest error allowed, in units of the largest magnitude among 64 neighbours.
TOLERANCE = {"f32": 0, "f16": 0, "q8_0": 0.0045, "q4_0": 0.126, "q4_1": 0.07}


def check(condition, *message):
    if not condition:
        sys.exit(" ".join(str(part) for part in message))


class Gguf:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.at = 0
        check(self.data[:4] == b"GGUF", "magic")
        self.at = 4
        check(self.scalar("I") == 3, "version")
        tensors, keys = self.scalar("Q"), self.scalar("Q")
        self.keys = {}
        for _ in range(keys):
            key = self.string()
            check(key not in self.keys, "duplicate key", key)
            self.keys[key] = self.value(self.scalar("I"))
        self.tensors = {}
        offset = 0
        for _ in range(tensors):
            name = self.string()
            check(len(name.encode()) < 64 and name not in self.tensors, name)
            dims = [self.scalar("Q") for _ in range(self.scalar("I"))]
            type_name = TYPES[self.scalar("I")]
            check(self.scalar("Q") == offset, name, "is not where it should be")
            elements, size = BLOCKS[type_name]
            check(dims[0] % elements == 0, name, "has no whole blocks")
            count = 1
            for dim in dims:
                count *= dim
            self.tensors[name] = (dims, type_name, offset)
            offset += -(-(count // elements * size) // 32) * 32
        self.start = -(-self.at // 32) * 32
        check(not any(self.data[self.at : self.start]), "padding is not zero")
        check(self.start + offset == len(self.data), "the file has another size")

    def scalar(self, code):
        (value,) = struct.unpack_from("<" + code, self.data, self.at)
        self.at += struct.calcsize("<" + code)
        return value

    def string(self):
        length = self.scalar("Q")
        self.at += length
        return self.data[self.at - length : self.at].decode("utf-8")

    def value(self, kind):
        if kind == 8:
            return self.string()
        if kind == 9:
            kind, count = self.scalar("I"), self.scalar("Q")
            return [self.value(kind) for _ in range(count)]
        return self.scalar(SCALARS[kind])

    def row(self, name, index):
        dims, type_name, offset = self.tensors[name]
        elements, size = BLOCKS[type_name]
        row_bytes = dims[0] // elements * size
        begin = self.start + offset + index * row_bytes
        return decode(type_name, self.data[begin : begin + row_bytes])


def decode(type_name, data):
    if type_name in ("f32", "f16"):
        return struct.unpack(f"<{len(data) // BLOCKS[type_name][1]}" + ("f" if type_name == "f32" else "e"), data)
    result = []
    size = BLOCKS[type_name][1]
    for begin in range(0, len(data), size):
        block = data[begin : begin + size]
        (d,) = struct.unpack_from("<e", block)
        if type_name == "q8_0":
            result += [d * q for q in struct.unpack("<32b", block[2:])]
            continue
        minimum, codes = -8 * d, block[2:]
        if type_name == "q4_1":
            (minimum,) = struct.unpack_from("<e", block, 2)
            codes = block[4:]
        result += [d * (q & 15) + minimum for q in codes]
        result += [d * (q >> 4) + minimum for q in codes]
    return result


class Safetensors:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        (length,) = struct.unpack_from("<Q", self.data)
        self.header = json.loads(self.data[8 : 8 + length])
        self.start = 8 + length

    def rows(self, name):
        entry = self.header[name]
        check(entry["dtype"] == "F16", name)
        begin, end = entry["data_offsets"]
        columns = entry["shape"][-1]
        numbers = struct.unpack(f"<{(end - begin) // 2}e", self.data[self.start + begin : self.start + end])
        return [numbers[i : i + columns] for i in range(0, len(numbers), columns)]


BLOCK_NAMES = {
    "attn_norm.weight": "input_layernorm.weight",
    "attn_q.weight": "self_attn.q_proj.weight",
    "attn_k.weight": "self_attn.k_proj.weight",
    "attn_v.weight": "self_attn.v_proj.weight",
    "attn_output.weight": "self_attn.o_proj.weight",
    "ffn_norm.weight": "post_attention_layernorm.weight",
    "ffn_gate.weight": "mlp.gate_proj.weight",
    "ffn_up.weight": "mlp.up_proj.weight",
    "ffn_down.weight": "mlp.down_proj.weight",
}


def tensor_names(layers):
    names = {
        "token_embd.weight": "model.embed_tokens.weight",
        "output_norm.weight": "model.norm.weight",
        "output.weight": "lm_head.weight",
    }
    for layer in range(layers):
        for gguf, other in BLOCK_NAMES.items():
            names[f"blk.{layer}.{gguf}"] = f"model.layers.{layer}.{other}"
    return names


def source_row(name, row, head_dim):
    """The row of the checkpoint that row `row` of the file holds."""
    if not name.endswith(("attn_q.weight", "attn_k.weight")):
        return row
    head, channel = divmod(row, head_dim)
    return head * head_dim + channel % 2 * (head_dim // 2) + channel // 2


def check_tensor(gguf, name, rows, expected_type, head_dim):
    dims, type_name, _ = gguf.tensors[name]
    if len(dims) == 1:
        expected_type = "f32"
    check(type_name == expected_type, name, "is", type_name, "instead of", expected_type)
    count = dims[1] if len(dims) == 2 else 1
    check(count == len(rows) and dims[0] == len(rows[0]), name, "has dims", dims)
    for index in range(count):
        expected = rows[source_row(name, index, head_dim)]
        decoded = gguf.row(name, index)
        for begin in range(0, len(expected), 64):
            run = range(begin, min(begin + 64, len(expected)))
            bound = TOLERANCE[type_name] * max(abs(expected[i]) for i in run)
            for i in run:
                check(abs(expected[i] - decoded[i]) <= bound, name, "row", index, "column", i, expected[i], decoded[i])


def check_keys(keys, checkpoint, block_type):
    with open(checkpoint + "/config.json", encoding="utf-8") as file:
        config = json.load(file)
    with open(checkpoint + "/tokenizer.json", encoding="utf-8") as file:
        tokenizer = json.load(file)
    expected = {
        "general.architecture": "llama",
        "general.file_type": FILE_TYPES[block_type],
        "llama.vocab_size": config["vocab_size"],
        "llama.context_length": config["max_position_embeddings"],
        "llama.embedding_length": config["hidden_size"],
        "llama.block_count": config["num_hidden_layers"],
        "llama.feed_forward_length": config["intermediate_size"],
        "llama.attention.head_count": config["num_attention_heads"],
        "llama.attention.head_count_kv": config["num_key_value_heads"],
        "llama.attention.key_length": config["head_dim"],
        "llama.attention.value_length": config["head_dim"],
        "llama.rope.dimension_count": config["head_dim"],
        "llama.rope.freq_base": config["rope_theta"],
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.bos_token_id": config["bos_token_id"],
        "tokenizer.ggml.eos_token_id": config["eos_token_id"],
        "tokenizer.ggml.add_bos_token": True,
    }
    if block_type.startswith("q"):
        expected["general.quantization_version"] = 2
        expected["general.quantized_by"] = "qopt"
    for key, value in expected.items():
        check(keys.get(key) == value, key, "is", keys.get(key), "instead of", value)
    epsilon = keys["llama.attention.layer_norm_rms_epsilon"]
    check(abs(epsilon - config["rms_norm_eps"]) < 1e-11, "epsilon", epsilon)
    check(keys["tokenizer.ggml.pre"] in ("gpt-2", "llama-bpe", "qwen2"), "pre")

    vocabulary = dict(tokenizer["model"]["vocab"])
    special = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    vocabulary.update(special)
    tokens, types = keys["tokenizer.ggml.tokens"], keys["tokenizer.ggml.token_type"]
    check(len(tokens) == len(types) == config["vocab_size"], "tokens", len(tokens))
    for token, index in vocabulary.items():
        check(tokens[index] == token, "token", index)
        check(types[index] == (3 if token in special else 1), "type of token", index)
    merges = tokenizer["model"]["merges"]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in merges]
    check(keys["tokenizer.ggml.merges"] == merges, "merges")
    return config


def main(checkpoint, path, matrix_type, block_type):
    gguf = Gguf(path)
    config = check_keys(gguf.keys, checkpoint, block_type)
    source = Safetensors(checkpoint + "/model.safetensors")
    names = tensor_names(config["num_hidden_layers"])
    check(set(names) == set(gguf.tensors), "tensors", set(names) ^ set(gguf.tensors))
    for name, other in names.items():
        expected_type = block_type if name.startswith("blk.") else matrix_type
        check_tensor(gguf, name, source.rows(other), expected_type, config["head_dim"])


if __name__ == "__main__":
    main(*sys.argv[1:])
