"""Writes a random tiny GGUF file and what it computes: gguf_model.py FAMILY TYPE OUT.gguf.

FAMILY is a key of tiny_families.FAMILIES, TYPE the type of all matrices or "mixed".
Beside OUT.gguf, OUT.json becomes the logits of OUT.tokens, computed by tiny_model
from the decoded weights in the order of Hugging Face. Standard library only.
"""

import json
import math
import random
import sys

import gguf_file
import tiny_model

GLOBAL = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
BLOCK = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def gguf_name(name):
    if name in GLOBAL:
        return GLOBAL[name]
    _, _, layer, *module, kind = name.split(".")
    return f"blk.{layer}.{BLOCK['.'.join(module)]}.{kind}"


def neighbours(rows, head_dim):
    """Rows of heads reordered so that rotary pairs (i, i + half) are neighbours."""
    half, result = head_dim // 2, []
    for first in range(0, len(rows), head_dim):
        for i in range(half):
            result += [rows[first + i], rows[first + i + half]]
    return result


def family(name):
    config = dict(tiny_model.FAMILIES[name][0])
    # GGUF knows one activation for each of these architectures, and blocks have
    # 32 columns.
    config.update(hidden_act="silu", intermediate_size=64)
    return config


def matrix_type(name, kind):
    if kind != "mixed":
        return kind
    for part, chosen in {"embed": "Q4_0", "v_proj": "Q8_0", "down": "BF16"}.items():
        if part in name:
            return chosen
    return "Q4_0" if "mlp" in name else "F16"


def make_tensors(config, kind, generator):
    """The tensors of the file, and the weights they stand for."""
    head_dim = config.get("head_dim", config["hidden_size"] // config["num_attention_heads"])
    tensors, weights = {}, {}
    for name, shape in tiny_model.tensor_shapes(config).items():
        count = math.prod(shape)
        norm = "norm" in name
        values = [generator.uniform(0.5, 1.5) if norm else generator.gauss(0, 0.25) for _ in range(count)]
        stored = matrix_type(name, kind) if len(shape) == 2 else "F32"
        columns = shape[1] if len(shape) == 2 else 1
        rows = [
            gguf_file.encode(values[i : i + columns], stored)
            for i in range(0, count, columns)
        ]
        decoded = [gguf_file.decode(row, stored) for row in rows]
        weights[name] = decoded if len(shape) == 2 else [row[0] for row in decoded]
        rotated = "q_proj" in name or "k_proj" in name
        if rotated and config["model_type"] in ("llama", "mistral"):
            rows = neighbours(rows, head_dim)
        tensors[gguf_name(name)] = (stored, shape, b"".join(rows))
    return tensors, weights


def tokenizer_keys():
    """<unk>, <s>, </s>, the characters ! to Z, and three merges: 64 tokens."""
    tokens = ["<unk>", "<s>", "</s>"] + [chr(c) for c in range(33, 91)]
    tokens += ["AB", "CD", "ABCD"]
    return {
        "tokenizer.ggml.model": ("str", "gpt2"),
        "tokenizer.ggml.pre": ("str", "llama-bpe"),
        "tokenizer.ggml.tokens": ("[str]", tokens),
        "tokenizer.ggml.token_type": ("[i32]", [2, 3, 3] + [1] * 61),
        "tokenizer.ggml.merges": ("[str]", ["A B", "C D", "AB CD"]),
        "tokenizer.ggml.bos_token_id": ("u32", 1),
        "tokenizer.ggml.eos_token_id": ("u32", 2),
        "tokenizer.ggml.add_bos_token": ("bool", True),
    }


def make_keys(config, tensors):
    kind = config["model_type"]
    arch = "llama" if kind == "mistral" else kind
    heads = config["num_attention_heads"]
    head_dim = config.get("head_dim", config["hidden_size"] // heads)
    theta = config.get("rope_theta", 10000.0)
    keys = {
        "general.architecture": ("str", arch),
        "general.name": ("str", "tiny"),
        f"{arch}.context_length": ("u32", config["max_position_embeddings"]),
        f"{arch}.embedding_length": ("u32", config["hidden_size"]),
        f"{arch}.block_count": ("u32", config["num_hidden_layers"]),
        f"{arch}.feed_forward_length": ("u32", config["intermediate_size"]),
        f"{arch}.attention.head_count": ("u32", heads),
        f"{arch}.attention.head_count_kv": ("u32", config["num_key_value_heads"]),
        f"{arch}.attention.layer_norm_rms_epsilon": ("f32", config["rms_norm_eps"]),
        f"{arch}.rope.freq_base": ("f32", theta),
        f"{arch}.rope.dimension_count": ("u32", head_dim),
    }
    if "head_dim" in config:
        keys[f"{arch}.attention.key_length"] = ("u32", head_dim)
        keys[f"{arch}.attention.value_length"] = ("u32", head_dim)
    if kind == "mistral":
        keys[f"{arch}.attention.sliding_window"] = ("u32", config["sliding_window"])
    scaling = config.get("rope_scaling") or {}
    if scaling.get("type") == "linear":
        keys[f"{arch}.rope.scaling.type"] = ("str", "linear")
        keys[f"{arch}.rope.scaling.factor"] = ("f32", scaling["factor"])
    if scaling.get("rope_type") == "llama3":
        context = scaling["original_max_position_embeddings"]
        keys[f"{arch}.rope.scaling.original_context_length"] = ("u32", context)
        factors = gguf_file.llama3_factors(theta, head_dim, scaling["factor"], context)
        data = gguf_file.encode(factors, "F32")
        tensors["rope_freqs.weight"] = ("F32", [len(factors)], data)
    keys.update(tokenizer_keys())
    return keys


def make_model(name, kind):
    """The configuration, keys and tensors of a file, and its weights."""
    generator = random.Random(name + kind)
    config = family(name)
    tensors, weights = make_tensors(config, kind, generator)
    return config, make_keys(config, tensors), tensors, weights


def main(name, kind, path):
    config, keys, tensors, weights = make_model(name, kind)
    with open(path, "wb") as file:
        file.write(gguf_file.file_bytes(keys, tensors))
    generator = random.Random(1)
    tokens = [generator.randrange(config["vocab_size"]) for _ in range(12)]
    base = path.removesuffix(".gguf")
    with open(base + ".tokens", "w") as file:
        json.dump(tokens, file)
    with open(base + ".json", "w") as file:
        json.dump(tiny_model.logits(config, weights, tokens), file)


if __name__ == "__main__":
    main(*sys.argv[1:])
