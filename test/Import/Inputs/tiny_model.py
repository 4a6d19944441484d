"""Writes a random tiny checkpoint and what it computes: tiny_model.py FAMILY OUT.

FAMILY is a key of FAMILIES. OUT becomes a checkpoint directory with, beside the
model, `tokens.json` and `logits.json`. The logits come from a direct
transcription of each family's definition into scalar Python arithmetic, which
shares nothing with the program under test. Standard library only.
"""

import json
import math
import os
import random
import struct
import sys

BASE = {
    "hidden_act": "silu",
    "hidden_size": 32,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
    "vocab_size": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def family(class_name, model_type, dtype="F32", shards=1, remove=(), **changes):
    config = dict(
        BASE, architectures=[class_name + "ForCausalLM"], model_type=model_type
    )
    config.update(changes)
    for key in remove:
        del config[key]
    return config, dtype, shards


FAMILIES = {
    "llama2": family(
        "Llama", "llama", num_key_value_heads=4, remove=["rope_theta"], dtype="F16"
    ),
    "llama-biases": family("Llama", "llama", attention_bias=True, mlp_bias=True),
    "llama-linear": family(
        "Llama", "llama", rope_scaling={"type": "linear", "factor": 4.0}
    ),
    "llama3": family(
        "Llama",
        "llama",
        dtype="BF16",
        tie_word_embeddings=True,
        rope_theta=500.0,
        rope_scaling={
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32,
        },
    ),
    "llama-parameters": family(
        "Llama",
        "llama",
        remove=["rope_theta"],
        rope_parameters={"rope_type": "default", "rope_theta": 77.0},
    ),
    "mistral": family("Mistral", "mistral", sliding_window=5, shards=3),
    "qwen2": family("Qwen2", "qwen2", hidden_act="gelu_pytorch_tanh"),
    "qwen2-window": family(
        "Qwen2",
        "qwen2",
        use_sliding_window=True,
        sliding_window=4,
        max_window_layers=1,
    ),
    "qwen3": family(
        "Qwen3", "qwen3", head_dim=16, tie_word_embeddings=True, hidden_act="gelu"
    ),
}


# --- the checkpoint ---------------------------------------------------------


def tensor_shapes(config):
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    head_dim = config.get("head_dim", hidden // heads)
    kind = config["model_type"]
    bias = config.get("attention_bias", False)
    shapes = {
        "model.embed_tokens.weight": [config["vocab_size"], hidden],
        "model.norm.weight": [hidden],
    }
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = [config["vocab_size"], hidden]
    for layer in range(config["num_hidden_layers"]):
        block = {
            "input_layernorm.weight": [hidden],
            "post_attention_layernorm.weight": [hidden],
            "self_attn.q_proj.weight": [heads * head_dim, hidden],
            "self_attn.k_proj.weight": [kv_heads * head_dim, hidden],
            "self_attn.v_proj.weight": [kv_heads * head_dim, hidden],
            "self_attn.o_proj.weight": [hidden, heads * head_dim],
            "mlp.gate_proj.weight": [inner, hidden],
            "mlp.up_proj.weight": [inner, hidden],
            "mlp.down_proj.weight": [hidden, inner],
        }
        biased = []
        if bias or kind == "qwen2":
            biased += ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]
        if bias:
            biased += ["self_attn.o_proj"]
        if config.get("mlp_bias"):
            biased += ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
        for name in biased:
            block[name + ".bias"] = block[name + ".weight"][:1]
        if kind == "qwen3":
            block["self_attn.q_norm.weight"] = [head_dim]
            block["self_attn.k_norm.weight"] = [head_dim]
        for name, shape in block.items():
            shapes[f"model.layers.{layer}.{name}"] = shape
    return shapes


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


def write_safetensors(path, dtype, tensors):
    header, offset = {}, 0
    for name, (shape, data) in tensors.items():
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
        for _, data in tensors.values():
            file.write(data)


def write_checkpoint(directory, config, dtype, shards, generator):
    """Returns the weights as read back from their stored type."""
    os.makedirs(directory, exist_ok=True)
    stored = {}
    for name, shape in tensor_shapes(config).items():
        count = math.prod(shape)
        if "norm" in name:
            values = [generator.uniform(0.5, 1.5) for _ in range(count)]
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


# --- the reference ----------------------------------------------------------


def linear(x, weight, bias=None):
    y = [math.fsum(a * b for a, b in zip(row, x)) for row in weight]
    return y if bias is None else [a + b for a, b in zip(y, bias)]


def rms_norm(x, weight, eps):
    scale = 1 / math.sqrt(math.fsum(v * v for v in x) / len(x) + eps)
    return [v * scale * w for v, w in zip(x, weight)]


def activate(name, x):
    if name == "silu":
        return x / (1 + math.exp(-x))
    if name == "gelu":
        return 0.5 * x * (1 + math.erf(x / math.sqrt(2)))
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return 0.5 * x * (1 + math.tanh(inner))


def frequencies(config, head_dim):
    parameters = config.get("rope_parameters") or config.get("rope_scaling") or {}
    theta = parameters.get("rope_theta", config.get("rope_theta", 10000.0))
    kind = parameters.get("rope_type", parameters.get("type", "default"))
    result = [theta ** (-2 * i / head_dim) for i in range(head_dim // 2)]
    if kind == "linear":
        return [f / parameters["factor"] for f in result]
    if kind == "llama3":
        factor = parameters["factor"]
        low, high = parameters["low_freq_factor"], parameters["high_freq_factor"]
        context = parameters["original_max_position_embeddings"]

        def scaled(f):
            wavelength = 2 * math.pi / f
            if wavelength < context / high:
                return f
            if wavelength > context / low:
                return f / factor
            smooth = (context / wavelength - low) / (high - low)
            return (1 - smooth) * f / factor + smooth * f

        return [scaled(f) for f in result]
    return result


def rotate(head, position, freqs):
    half = len(head) // 2
    turned = list(head)
    for i, f in enumerate(freqs):
        c, s = math.cos(position * f), math.sin(position * f)
        turned[i] = head[i] * c - head[i + half] * s
        turned[i + half] = head[i + half] * c + head[i] * s
    return turned


def window_of(config, layer):
    if config["model_type"] == "mistral":
        return config.get("sliding_window")
    if config.get("use_sliding_window") and layer >= config["max_window_layers"]:
        return config["sliding_window"]
    return None


def attention(config, layer, x, get):
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    head_dim = config.get("head_dim", config["hidden_size"] // heads)
    freqs, eps = frequencies(config, head_dim), config["rms_norm_eps"]

    def split(vector):
        return [vector[i : i + head_dim] for i in range(0, len(vector), head_dim)]

    def project(name, norm):
        rows = []
        for position, row in enumerate(x):
            projection = f"self_attn.{name}_proj"
            row = split(linear(row, get(projection + ".weight"), get(projection + ".bias")))
            if norm and get(f"self_attn.{name}_norm.weight"):
                weight = get(f"self_attn.{name}_norm.weight")
                row = [rms_norm(head, weight, eps) for head in row]
            if norm:
                row = [rotate(head, position, freqs) for head in row]
            rows.append(row)
        return rows

    queries, keys, values = project("q", True), project("k", True), project("v", False)
    window = window_of(config, layer)
    result = []
    for t in range(len(x)):
        first = 0 if window is None else max(0, t - window + 1)
        row = []
        for head in range(heads):
            shared = head * kv_heads // heads
            scores = [
                math.fsum(a * b for a, b in zip(queries[t][head], keys[s][shared]))
                / math.sqrt(head_dim)
                for s in range(first, t + 1)
            ]
            top = max(scores)
            weights = [math.exp(score - top) for score in scores]
            total = math.fsum(weights)
            for d in range(head_dim):
                row.append(
                    math.fsum(
                        w * values[first + i][shared][d] for i, w in enumerate(weights)
                    )
                    / total
                )
        result.append(
            linear(row, get("self_attn.o_proj.weight"), get("self_attn.o_proj.bias"))
        )
    return result


def feed_forward(config, row, get):
    gate = linear(row, get("mlp.gate_proj.weight"), get("mlp.gate_proj.bias"))
    up = linear(row, get("mlp.up_proj.weight"), get("mlp.up_proj.bias"))
    gated = [activate(config["hidden_act"], g) * u for g, u in zip(gate, up)]
    return linear(gated, get("mlp.down_proj.weight"), get("mlp.down_proj.bias"))


def logits(config, weights, tokens):
    eps = config["rms_norm_eps"]
    table = weights["model.embed_tokens.weight"]
    x = [list(table[token]) for token in tokens]
    for layer in range(config["num_hidden_layers"]):

        def get(name):
            return weights.get(f"model.layers.{layer}.{name}")

        normed = [rms_norm(row, get("input_layernorm.weight"), eps) for row in x]
        attended = attention(config, layer, normed, get)
        x = [[a + b for a, b in zip(r, s)] for r, s in zip(x, attended)]
        for t, row in enumerate(x):
            normed = rms_norm(row, get("post_attention_layernorm.weight"), eps)
            added = feed_forward(config, normed, get)
            x[t] = [a + b for a, b in zip(row, added)]
    head = weights.get("lm_head.weight", table)
    return [linear(rms_norm(row, weights["model.norm.weight"], eps), head) for row in x]


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
