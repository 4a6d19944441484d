#!/usr/bin/env python3
"""Time and memory of quantizing a large checkpoint to a GGUF file.

Writes a sharded Hugging Face checkpoint with the shape of a known model and
random heavy-tailed weights (Student's t with 5 degrees of freedom; a tile of
4 million, read from a place of its own for each tensor), quantizes it, and
prints the seconds and GB/s of each phase and the peak of the tool's anonymous
memory. The checkpoint and the output are deleted, unless --keep is given.

    benchmarks/scale.py 7b --directory /var/tmp/scale
"""
import argparse
import array
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import threading
import time

import tool

SHAPES = {
    # hidden, intermediate, layers, heads, kv heads, vocabulary, tied
    "tiny": (256, 768, 4, 8, 4, 4096, False),
    "1b": (2048, 8192, 16, 32, 8, 128256, True),  # Llama 3.2 1B
    "7b": (4096, 11008, 32, 32, 32, 32000, False),  # Llama 2 7B
}
SHARD_BYTES = 4_900_000_000
TILE = 1 << 22  # weights


def bf16_tile():
    """TILE weights of bf16, heavy-tailed, as bytes."""
    generator = random.Random(1)
    gauss = generator.gauss
    # A normal over the root of a chi-square of five degrees, one for 8 normals
    # in a row; a tile of 2^18 of them, repeated with other signs and scales.
    small = array.array("f")
    for _ in range(1 << 15):
        chi = sum(gauss(0, 1) ** 2 for _ in range(5)) / 5
        scale = 0.02 / chi**0.5
        small.extend(gauss(0, scale) for _ in range(8))
    raw = small.tobytes()
    bf16 = bytearray(len(small) * 2)
    bf16[0::2] = raw[2::4]
    bf16[1::2] = raw[3::4]
    tile = bytearray()
    while len(tile) < TILE * 2:
        cut = generator.randrange(len(small)) * 2
        tile += bf16[cut:] + bf16[:cut]
    return bytes(tile[: TILE * 2])


def tensors(shape):
    hidden, inter, layers, heads, kv, vocab, tied = shape
    head = hidden // heads
    yield "model.embed_tokens.weight", (vocab, hidden)
    for i in range(layers):
        prefix = f"model.layers.{i}."
        yield prefix + "input_layernorm.weight", (hidden,)
        yield prefix + "self_attn.q_proj.weight", (hidden, hidden)
        yield prefix + "self_attn.k_proj.weight", (kv * head, hidden)
        yield prefix + "self_attn.v_proj.weight", (kv * head, hidden)
        yield prefix + "self_attn.o_proj.weight", (hidden, hidden)
        yield prefix + "post_attention_layernorm.weight", (hidden,)
        yield prefix + "mlp.gate_proj.weight", (inter, hidden)
        yield prefix + "mlp.up_proj.weight", (inter, hidden)
        yield prefix + "mlp.down_proj.weight", (hidden, inter)
    yield "model.norm.weight", (hidden,)
    if not tied:
        yield "lm_head.weight", (vocab, hidden)


def count(shape):
    product = 1
    for extent in shape:
        product *= extent
    return product


def write_checkpoint(directory, shape, tokenizer):
    hidden, inter, layers, heads, kv, vocab, tied = shape
    directory.mkdir(parents=True)
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama",
        "hidden_size": hidden, "intermediate_size": inter,
        "num_hidden_layers": layers, "num_attention_heads": heads,
        "num_key_value_heads": kv, "vocab_size": vocab,
        "tie_word_embeddings": tied, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "max_position_embeddings": 4096, "hidden_act": "silu",
        "torch_dtype": "bfloat16", "bos_token_id": 1, "eos_token_id": 2,
    }  # fmt: skip
    (directory / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tokenizer / name, directory)

    shards, size = [[]], 0
    for name, extents in tensors(shape):
        bytes_ = 2 * count(extents)
        if shards[-1] and size + bytes_ > SHARD_BYTES:
            shards.append([])
            size = 0
        shards[-1].append((name, extents))
        size += bytes_
    tile = bf16_tile()
    generator = random.Random(2)
    one = b"\x80\x3f"  # norms
    weight_map = {}
    for number, shard in enumerate(shards, 1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        header, offset = {}, 0
        for name, extents in shard:
            weight_map[name] = file
            end = offset + 2 * count(extents)
            header[name] = {"dtype": "BF16", "shape": extents, "data_offsets": [offset, end]}
            offset = end
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with open(directory / file, "wb") as output:
            output.write(len(text).to_bytes(8, "little") + text)
            for name, extents in shard:
                left = 2 * count(extents)
                if len(extents) == 1:
                    output.write(one * (left // 2))
                    continue
                place = 2 * generator.randrange(TILE)
                while left > 0:
                    piece = tile[place : place + left]
                    output.write(piece)
                    left -= len(piece)
                    place = 0
    index = {"metadata": {"total_size": 2 * sum(count(e) for _, e in tensors(shape))}, "weight_map": weight_map}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))


def forget(directory):
    """Drops the files of a directory from the system's cache."""
    for path in directory.iterdir():
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class Memory(threading.Thread):
    """Peaks of a process in bytes: anonymous, and all that is resident."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.path, self.anonymous, self.resident = f"/proc/{pid}/status", 0, 0
        self.start()

    def run(self):
        while True:
            try:
                status = pathlib.Path(self.path).read_text()
            except OSError:
                return
            fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
            if "RssAnon" not in fields:
                return
            self.anonymous = max(self.anonymous, 1024 * int(fields["RssAnon"].split()[0]))
            self.resident = max(self.resident, 1024 * int(fields["VmRSS"].split()[0]))
            time.sleep(0.005)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--directory", required=True, help="scratch space; must not exist, but for --reuse")
    parser.add_argument("--type", default="q4_k_m")
    parser.add_argument("--qopt", default="build/bin/qopt")
    parser.add_argument("--tokenizer", default="models/novella-7m", help="directory with a tokenizer.json")
    parser.add_argument("--threads", default="0")
    parser.add_argument("--keep", action="store_true", help="keep the checkpoint")
    parser.add_argument("--reuse", action="store_true", help="use the one that is there")
    parser.add_argument("--cold", action="store_true", help="read the checkpoint from the disk, not from the cache")
    parser.add_argument("--only-make", action="store_true", help="make the checkpoint, and nothing else")
    options = parser.parse_args()
    if not options.only_make:
        tool.require(options.qopt)
    directory = pathlib.Path(options.directory)
    checkpoint, output = directory / "checkpoint", directory / "out.gguf"
    shape = SHAPES[options.shape]
    if not options.reuse:
        started = time.time()
        write_checkpoint(checkpoint, shape, pathlib.Path(options.tokenizer))
        print(f"made {checkpoint} in {time.time() - started:.0f} s")

    if options.only_make:
        return
    if options.cold:
        forget(checkpoint)
    command = [options.qopt, "quantize", str(checkpoint), "-o", str(output), "--format", "gguf",
               "--method", "rtn", "--type", options.type, "--threads", options.threads,
               "--json", "--overwrite"]  # fmt: skip
    print(" ".join(command))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    memory = Memory(process.pid)
    said, noted = process.communicate()
    sys.stderr.write(noted)
    if process.returncode != 0:
        sys.exit(f"failed with {process.returncode}")
    result = json.loads(said)
    largest = max(count(extents) for _, extents in tensors(shape))
    weights = sum(count(extents) for _, extents in tensors(shape))
    seconds = result["seconds"]
    print(f"weights           {weights / 1e9:.2f} billion, {2 * weights / 1e9:.2f} GB of bf16")
    print(f"output            {output.stat().st_size / 1e9:.2f} GB, {result['bpw_all']:.2f} bits per weight")
    print(f"time              {seconds:.1f} s, {2 * weights / 1e9 / seconds:.2f} GB/s of bf16")
    print(f"anonymous memory  {memory.anonymous / 1e6:.0f} MB at most; largest tensor {2 * largest / 1e6:.0f} MB of bf16")
    print(f"resident memory   {memory.resident / 1e6:.0f} MB at most, with mapped pages of files")
    output.unlink()
    if not options.keep:
        shutil.rmtree(directory)


main()
