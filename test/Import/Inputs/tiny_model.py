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
    "pad_token_id": 0,
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
    "llama-pieces": family("Llama", "llama", vocab_size=700),
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
    "qwen2-yarn": family(
        "Qwen2",
        "qwen2",
        rope_theta=500.0,
        rope_scaling={
            "type": "yarn",
            "factor": 4.0,
            "original_max_position_embeddings": 16,
        },
    ),
    "gemma2": family(
        "Gemma2",
        "gemma2",
        dtype="BF16",
        remove=["tie_word_embeddings", "hidden_act"],
        hidden_activation="gelu_pytorch_tanh",
        num_hidden_layers=3,
        head_dim=16,
        query_pre_attn_scalar=16,
        attn_logit_softcapping=5.0,
        final_logit_softcapping=3.0,
        sliding_window=5,
    ),
    "gemma3": family(
        "Gemma3",
        "gemma3_text",
        remove=["tie_word_embeddings", "hidden_act"],
        hidden_activation="gelu_pytorch_tanh",
        num_hidden_layers=4,
        head_dim=16,
        query_pre_attn_scalar=16,
        sliding_window=5,
        sliding_window_pattern=3,
        rope_theta=500.0,
        rope_local_base_freq=20.0,
        rope_scaling={"rope_type": "linear", "factor": 8.0},
    ),
    "gemma3-layers": family(
        "Gemma3",
        "gemma3_text",
        remove=["hidden_act", "rope_theta"],
        head_dim=16,
        query_pre_attn_scalar=20,
        sliding_window=5,
        layer_types=["full_attention", "sliding_attention"],
        rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": 300.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 30.0},
        },
    ),
    "phi3": family(
        "Phi3",
        "phi3",
        dtype="F16",
        auto_map={"AutoModelForCausalLM": "modeling_phi3.Phi3ForCausalLM"},
        sliding_window=9,
        original_max_position_embeddings=8,
        rope_scaling={
            "type": "su",
            "short_factor": [1.0, 1.1, 1.3, 1.5],
            "long_factor": [1.2, 2.0, 5.0, 9.0],
        },
    ),
    "phi3-short": family(
        "Phi3",
        "phi3",
        partial_rotary_factor=0.75,
        hidden_size=64,
        tie_word_embeddings=True,
        max_position_embeddings=4096,
        original_max_position_embeddings=512,
        rope_scaling={
            "type": "longrope",
            "short_factor": [1.0, 1.1, 1.2, 1.3, 1.4, 1.5],
            "long_factor": [1.2, 2.0, 3.0, 5.0, 7.0, 9.0],
        },
    ),
    "mixtral": family(
        "Mixtral", "mixtral", num_local_experts=4, num_experts_per_tok=2, shards=2
    ),
    "qwen3moe": family(
        "Qwen3Moe",
        "qwen3_moe",
        head_dim=16,
        num_experts=5,
        num_experts_per_tok=3,
        moe_intermediate_size=32,
        norm_topk_prob=True,
    ),
    "qwen3moe-raw": family(
        "Qwen3Moe",
        "qwen3_moe",
        head_dim=8,
        num_experts=4,
        num_experts_per_tok=2,
        moe_intermediate_size=32,
    ),
}


def is_gemma(config):
    return config["model_type"].startswith("gemma")


def is_tied(config):
    return config.get("tie_word_embeddings", is_gemma(config))


def expert_names(config):
    """Router and, for an expert, gate, up and down; nothing in dense models."""
    if config["model_type"] == "mixtral":
        prefix, parts = "block_sparse_moe.", ("w1", "w3", "w2")
    elif config["model_type"] == "qwen3_moe":
        prefix, parts = "mlp.", ("gate_proj", "up_proj", "down_proj")
    else:
        return None
    return prefix + "gate.weight", lambda expert: [
        f"{prefix}experts.{expert}.{part}.weight" for part in parts
    ]


def expert_count(config):
    return config.get("num_local_experts", config.get("num_experts", 0))


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
    if not is_tied(config):
        shapes["lm_head.weight"] = [config["vocab_size"], hidden]
    for layer in range(config["num_hidden_layers"]):
        block = {
            "input_layernorm.weight": [hidden],
            "post_attention_layernorm.weight": [hidden],
            "self_attn.o_proj.weight": [hidden, heads * head_dim],
        }
        if is_gemma(config):
            block["pre_feedforward_layernorm.weight"] = [hidden]
            block["post_feedforward_layernorm.weight"] = [hidden]
        if kind == "phi3":
            rows = (heads + 2 * kv_heads) * head_dim
            block["self_attn.qkv_proj.weight"] = [rows, hidden]
            block["mlp.gate_up_proj.weight"] = [2 * inner, hidden]
            block["mlp.down_proj.weight"] = [hidden, inner]
        else:
            block["self_attn.q_proj.weight"] = [heads * head_dim, hidden]
            block["self_attn.k_proj.weight"] = [kv_heads * head_dim, hidden]
            block["self_attn.v_proj.weight"] = [kv_heads * head_dim, hidden]
        if expert_names(config):
            router, names = expert_names(config)
            rows = config.get("moe_intermediate_size", inner)
            block[router] = [expert_count(config), hidden]
            for expert in range(expert_count(config)):
                gate, up, down = names(expert)
                block[gate] = block[up] = [rows, hidden]
                block[down] = [hidden, rows]
        elif kind != "phi3":
            block["mlp.gate_proj.weight"] = [inner, hidden]
            block["mlp.up_proj.weight"] = [inner, hidden]
            block["mlp.down_proj.weight"] = [hidden, inner]
        biased = []
        if bias or kind == "qwen2":
            biased += ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]
        if bias:
            biased += ["self_attn.o_proj"]
        if config.get("mlp_bias"):
            biased += ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
        for name in biased:
            block[name + ".bias"] = block[name + ".weight"][:1]
        if kind in ("qwen3", "qwen3_moe", "gemma3_text"):
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


# --- the reference ----------------------------------------------------------


def linear(x, weight, bias=None):
    y = [math.fsum(a * b for a, b in zip(row, x)) for row in weight]
    return y if bias is None else [a + b for a, b in zip(y, bias)]


def rms_norm(x, weight, config):
    eps, offset = config["rms_norm_eps"], config.get("norm_offset", is_gemma(config))
    scale = 1 / math.sqrt(math.fsum(v * v for v in x) / len(x) + eps)
    return [v * scale * (offset + w) for v, w in zip(x, weight)]


def softcap(x, cap):
    return x if cap is None else cap * math.tanh(x / cap)


def activate(name, x):
    if name == "silu":
        return x / (1 + math.exp(-x))
    if name == "gelu":
        return 0.5 * x * (1 + math.erf(x / math.sqrt(2)))
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return 0.5 * x * (1 + math.tanh(inner))


def frequencies(config, layer, head_dim, length):
    """Radians per position of each rotary pair, and what multiplies both parts."""
    parameters = config.get("rope_parameters") or config.get("rope_scaling") or {}
    theta = config.get("rope_theta", 10000.0)
    local = config["model_type"] == "gemma3_text" and window_of(config, layer)
    if "full_attention" in parameters:
        kind = "sliding_attention" if local else "full_attention"
        parameters = parameters[kind]
    elif local:
        theta, parameters = config["rope_local_base_freq"], {}
    theta = parameters.get("rope_theta", theta)
    kind = parameters.get("rope_type", parameters.get("type", "default"))
    dim = int(head_dim * config.get("partial_rotary_factor", 1.0))
    result = [theta ** (-2 * i / dim) for i in range(dim // 2)]
    if kind == "linear":
        return [f / parameters["factor"] for f in result], 1.0
    if kind in ("su", "longrope"):
        original = config["original_max_position_embeddings"]
        stretch = config["max_position_embeddings"] / original
        magnitude = math.sqrt(1 + math.log(stretch) / math.log(original))
        divisors = parameters["long_factor" if length > original else "short_factor"]
        return [f / d for f, d in zip(result, divisors)], magnitude
    if kind == "yarn":
        factor = parameters["factor"]
        original = parameters["original_max_position_embeddings"]

        def pair(turns):
            return dim * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(theta))

        first = max(math.floor(pair(32.0)), 0)
        last = min(math.ceil(pair(1.0)), dim - 1)
        shares = [min(max((i - first) / (last - first), 0), 1) for i in range(dim // 2)]
        scaled = [f * (s / factor + 1 - s) for f, s in zip(result, shares)]
        return scaled, 0.1 * math.log(factor) + 1
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

        return [scaled(f) for f in result], 1.0
    return result, 1.0


def rotate(head, position, freqs, magnitude):
    half = len(freqs)
    turned = list(head)
    for i, f in enumerate(freqs):
        c = magnitude * math.cos(position * f)
        s = magnitude * math.sin(position * f)
        turned[i] = head[i] * c - head[i + half] * s
        turned[i + half] = head[i + half] * c + head[i] * s
    return turned


def window_of(config, layer):
    window, kind = config.get("sliding_window"), config["model_type"]
    if "layer_types" in config:
        return window if config["layer_types"][layer].startswith("sliding") else None
    if is_gemma(config):
        period = config.get("sliding_window_pattern", 2 if kind == "gemma2" else 6)
        return window if (layer + 1) % period else None
    if kind in ("mistral", "mixtral", "phi3"):
        return window
    if config.get("use_sliding_window") and layer >= config["max_window_layers"]:
        return window
    return None


def attention(config, layer, x, get):
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    head_dim = config.get("head_dim", config["hidden_size"] // heads)
    freqs, magnitude = frequencies(config, layer, head_dim, len(x))
    scale = 1 / math.sqrt(config.get("query_pre_attn_scalar", head_dim))
    cap = config.get("attn_logit_softcapping")
    fused = get("self_attn.qkv_proj.weight")
    bounds = {
        "q": (0, heads * head_dim),
        "k": (heads * head_dim, (heads + kv_heads) * head_dim),
        "v": ((heads + kv_heads) * head_dim, (heads + 2 * kv_heads) * head_dim),
    }

    def split(vector):
        return [vector[i : i + head_dim] for i in range(0, len(vector), head_dim)]

    def project(name, norm):
        rows = []
        for position, row in enumerate(x):
            projection = f"self_attn.{name}_proj"
            first, last = bounds[name]
            weight = fused[first:last] if fused else get(projection + ".weight")
            row = split(linear(row, weight, get(projection + ".bias")))
            if norm and get(f"self_attn.{name}_norm.weight"):
                weight = get(f"self_attn.{name}_norm.weight")
                row = [rms_norm(head, weight, config) for head in row]
            if norm:
                row = [rotate(head, position, freqs, magnitude) for head in row]
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
                softcap(
                    scale
                    * math.fsum(a * b for a, b in zip(queries[t][head], keys[s][shared])),
                    cap,
                )
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


def gated(config, row, gate, up, down, biases=(None, None, None)):
    activation = config.get("hidden_activation", config.get("hidden_act"))
    activation = activation or "gelu_pytorch_tanh"
    gate, up = linear(row, gate, biases[0]), linear(row, up, biases[1])
    return linear(
        [activate(activation, g) * u for g, u in zip(gate, up)], down, biases[2]
    )


def experts(config, row, get):
    router, names = expert_names(config)
    scores = linear(row, get(router))
    top = max(scores)
    weights = [math.exp(score - top) for score in scores]
    total = math.fsum(weights)
    weights = [weight / total for weight in weights]
    chosen = sorted(range(len(weights)), key=lambda e: -weights[e])
    chosen = chosen[: config["num_experts_per_tok"]]
    if config["model_type"] == "mixtral" or config.get("norm_topk_prob"):
        total = math.fsum(weights[e] for e in chosen)
        weights = [weight / total for weight in weights]
    outputs = [
        [weights[e] * y for y in gated(config, row, *map(get, names(e)))] for e in chosen
    ]
    return [math.fsum(column) for column in zip(*outputs)]


def feed_forward(config, row, get):
    if expert_names(config):
        return experts(config, row, get)
    down = get("mlp.down_proj.weight")
    both = get("mlp.gate_up_proj.weight")
    if both:
        half = len(both) // 2
        return gated(config, row, both[:half], both[half:], down)
    biases = [get(f"mlp.{part}_proj.bias") for part in ("gate", "up", "down")]
    gate, up = get("mlp.gate_proj.weight"), get("mlp.up_proj.weight")
    return gated(config, row, gate, up, down, biases)


def logits(config, weights, tokens):
    gemma = is_gemma(config)
    table = weights["model.embed_tokens.weight"]
    scale = math.sqrt(config["hidden_size"]) if gemma else 1
    x = [[scale * v for v in table[token]] for token in tokens]
    for layer in range(config["num_hidden_layers"]):

        def get(name):
            return weights.get(f"model.layers.{layer}.{name}")

        def norm(row, name):
            return rms_norm(row, get(name + "_layernorm.weight"), config)

        attended = attention(config, layer, [norm(row, "input") for row in x], get)
        if gemma:
            attended = [norm(row, "post_attention") for row in attended]
        x = [[a + b for a, b in zip(r, s)] for r, s in zip(x, attended)]
        for t, row in enumerate(x):
            normed = norm(row, "pre_feedforward" if gemma else "post_attention")
            added = feed_forward(config, normed, get)
            if gemma:
                added = norm(added, "post_feedforward")
            x[t] = [a + b for a, b in zip(row, added)]
    head = weights.get("lm_head.weight", table)
    cap = config.get("final_logit_softcapping")
    return [
        [softcap(v, cap) for v in linear(rms_norm(row, weights["model.norm.weight"], config), head)]
        for row in x
    ]


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
