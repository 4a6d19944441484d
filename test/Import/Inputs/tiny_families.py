"""The families of random tiny checkpoints: their configurations and tensors."""

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
