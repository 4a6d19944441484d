"""What a tiny checkpoint computes: a direct transcription of each family's definition.

Scalar Python arithmetic, which shares nothing with the program under test.
"""

import math

from tiny_families import expert_names, is_gemma


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
