#!/usr/bin/env python3
"""Divergence of GGUF types from the float model, by way of quantizing.

Quantizes every matrix of MODEL to one type: plainly, with an importance matrix
of the block linears (as llama-imatrix has it), with one of the output too, and
with GPTQ; evaluates each by llama.cpp's protocol, and prints Markdown:

    benchmarks/gguf_quality.py models/novella-7m --calibration C.txt --text E.txt
"""
import argparse
import json
import pathlib
import subprocess
import tempfile

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("model")
parser.add_argument("--text", required=True, help="text to evaluate on")
parser.add_argument("--calibration", required=True, help="text to calibrate on")
parser.add_argument("--qopt", default="build/bin/qopt")
parser.add_argument("--ctx", default="256")
parser.add_argument("--windows", default="48")
parser.add_argument("--types", default="q8_0 q6_k q5_k q4_k iq4_xs q4_0 q3_k q2_k")
parser.add_argument("--ways", default="plain imatrix imatrix-head gptq")
options = parser.parse_args()


def run(*words):
    command = [options.qopt, *map(str, words)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def weights(path):
    return sum(t["bytes"] for t in json.loads(run("inspect", path, "--json"))["tensors"])


print("| type | way | bytes of weights | perplexity | mean KL | p99 KL | top-1 |")
print("|---|---|---|---|---|---|---|")
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    text = ["--text", options.calibration, "--ctx", options.ctx]
    flags = {"plain": ["--method", "rtn"]}
    for way, more in ("imatrix", []), ("imatrix-head", ["--head"]):
        run("calibrate", options.model, *text, *more, "--imatrix", folder / f"{way}.gguf")
        flags[way] = ["--method", "rtn", "--imatrix", folder / f"{way}.gguf"]
    flags["gptq"] = ["--method", "gptq", "--calibration", options.calibration, "--ctx", options.ctx]
    for type_ in options.types.split():
        for way in options.ways.split():
            output = folder / "model.gguf"
            run("quantize", options.model, "-o", output, "--overwrite", "--format", "gguf",
                "--type", type_, "--pure", *flags[way])  # fmt: skip
            result = json.loads(
                run("eval", output, "--against", options.model, "--text", options.text, "--ctx", options.ctx,
                    "--protocol", "llama.cpp", "--windows", options.windows, "--json")
            )  # fmt: skip
            print(
                f"| {type_} | {way} | {weights(output)} | {result['perplexity']:.3f} |"
                f" {result['kl_mean']:.5f} | {result['kl_p99']:.4f} | {result['top1']:.4f} |",
                flush=True,
            )
