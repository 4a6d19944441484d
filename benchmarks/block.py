#!/usr/bin/env python3
"""Cost of quantizing one decoder block as large as those of Llama-2-7B.

Writes a model of one block with random weights and quantizes it on N samples of
2048 tokens; prints the time of each phase, as qopt says it, the peak memory, and
what 128 samples and 32 blocks would take: measuring grows with the samples, the
rest does not.

    benchmarks/block.py models/novella-7m --text TEXT --samples 4
"""
import argparse
import array
import json
import pathlib
import random
import re
import resource
import shutil
import tempfile

import tool

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("tokenizer", help="a checkpoint directory with a tokenizer")
parser.add_argument("--text", required=True, help="text to calibrate on")
parser.add_argument("--samples", type=int, default=4)
parser.add_argument("--hidden", type=int, default=4096)
parser.add_argument("--ffn", type=int, default=11008)
parser.add_argument("--heads", type=int, default=32)
parser.add_argument("--qopt", default="build/bin/qopt")
parser.add_argument("--flags", default="", help="more flags for qopt quantize")
parser.add_argument("--make", help="only write the model, into this directory")
parser.add_argument("--model", help="a directory that --make has written")
options = parser.parse_args()
tokenizer = pathlib.Path(options.tokenizer)


def make(folder):
    vocabulary = json.loads((tokenizer / "config.json").read_text())["vocab_size"]
    hidden, ffn = options.hidden, options.ffn
    layer = "model.layers.0."
    shapes = {"model.embed_tokens.weight": (vocabulary, hidden)}
    for name in ("q", "k", "v", "o"):
        shapes[f"{layer}self_attn.{name}_proj.weight"] = (hidden, hidden)
    shapes[layer + "mlp.gate_proj.weight"] = (ffn, hidden)
    shapes[layer + "mlp.up_proj.weight"] = (ffn, hidden)
    shapes[layer + "mlp.down_proj.weight"] = (hidden, ffn)
    for name in ("input_layernorm", "post_attention_layernorm"):
        shapes[f"{layer}{name}.weight"] = (hidden,)
    shapes["model.norm.weight"] = (hidden,)
    config = dict(
        architectures=["LlamaForCausalLM"], model_type="llama", vocab_size=vocabulary,
        hidden_size=hidden, intermediate_size=ffn, num_hidden_layers=1,
        num_attention_heads=options.heads, num_key_value_heads=options.heads,
        max_position_embeddings=2048, rms_norm_eps=1e-5, rope_theta=1e4,
        hidden_act="silu", tie_word_embeddings=True, torch_dtype="float16",
    )  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tokenizer / name, folder)
    # f16 of either sign with exponents from 2^-8 to 2^-5: about 0.02 in size.
    generator = random.Random(0)
    words = array.array("H", generator.randbytes(1 << 23))
    words = array.array("H", ((w & 0x8FFF) | 0x1C00 for w in words))
    noise = words.tobytes()
    one = array.array("H", [0x3C00]).tobytes()
    header, offset = {}, 0
    for name, shape in shapes.items():
        size = 2 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = dict(dtype="F16", shape=shape, data_offsets=[offset, offset + size])
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for shape in shapes.values():
            if len(shape) == 1:
                file.write(one * shape[0])
                continue
            left = 2 * shape[0] * shape[1]
            while left > 0:
                start = generator.randrange(0, len(noise) // 2, 2)
                piece = noise[start : start + left]
                file.write(piece)
                left -= len(piece)


def measure(folder, output):
    # Repeated until there are enough samples, of tokens of at most 16 bytes.
    text = pathlib.Path(options.text).read_text()
    repeats = -(-options.samples * 2048 * 16 // len(text))
    (output / "text.txt").write_text(text * repeats)
    words = [options.qopt, "quantize", str(folder), "-o", str(output / "q.mlir")]
    words += ["--type", "int4", "--calibration", str(output / "text.txt"), "--ctx", "2048"]
    words += ["--samples", str(options.samples), *options.flags.split()]
    said = tool.run(*words).stderr
    phases = re.search(
        r"([\d.]+) s measuring inputs, ([\d.]+) s factoring H, ([\d.]+) s in the columns", said
    )
    measuring, factoring, columns = map(float, phases.groups())
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    whole = 32 * (measuring * 128 / options.samples + factoring + columns) / 3600
    print("| samples | measuring inputs | factoring H | columns | peak memory | 128 samples, 32 blocks |")
    print("|---|---|---|---|---|---|")
    print(
        f"| {options.samples} x 2048 tokens | {measuring:.1f} s | {factoring:.1f} s |"
        f" {columns:.1f} s | {peak} MiB | {whole:.1f} h |"
    )


if options.make:
    pathlib.Path(options.make).mkdir(parents=True)
    make(pathlib.Path(options.make))
else:
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        if not options.model:
            (scratch / "model").mkdir()
            make(scratch / "model")
        measure(options.model or scratch / "model", scratch)
