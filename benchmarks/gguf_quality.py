#!/usr/bin/env python3
"""Divergence of GGUF types from the float model, by way of quantizing.

Quantizes every matrix of MODEL to one type: plainly, with an importance matrix
of the block linears (as llama-imatrix has it), with one of the output too, and
with GPTQ; evaluates each by both protocols on the first windows, and prints
Markdown:

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
parser.add_argument("--protocols", default="paper llama.cpp")
parser.add_argument(
    "--types",
    default="bf16 q8_0 q6_k q5_k q5_1 q5_0 q4_k q4_1 q4_0 iq4_nl iq4_xs mxfp4 q3_k q2_k tq2_0 tq1_0",
)
parser.add_argument("--ways", default="plain imatrix imatrix-head gptq")
options = parser.parse_args()


def run(*words):
    command = [options.qopt, *map(str, words)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def weights(path):
    return sum(t["bytes"] for t in json.loads(run("inspect", path, "--json"))["tensors"])


def evaluate(path, protocol):
    words = ["--text", options.text, "--ctx", options.ctx, "--protocol", protocol, "--json"]
    words += ["--windows", options.windows]
    result = json.loads(run("eval", path, "--against", options.model, *words))
    return (
        f" {result['perplexity']:.3f} | {result['kl_mean']:.5f} | {result['kl_p99']:.4f} |"
        f" {result['top1']:.4f} |"
    )


protocols = options.protocols.split()
columns = "".join(f" {p}: perplexity | mean KL | p99 KL | top-1 |" for p in protocols)
print("| type | way | bytes of weights |" + columns)
print("|" + "---|" * (3 + 4 * len(protocols)))
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    text = ["--text", options.calibration, "--ctx", options.ctx]
    flags = {"plain": ["--method", "rtn"]}
    for way, more in ("imatrix", []), ("imatrix-head", ["--head"]):
        if way not in options.ways.split():
            continue
        run("calibrate", options.model, *text, *more, "--imatrix", folder / f"{way}.gguf")
        flags[way] = ["--method", "rtn", "--imatrix", folder / f"{way}.gguf"]
    flags["gptq"] = ["--method", "gptq", "--calibration", options.calibration, "--ctx", options.ctx]
    for type_ in options.types.split():
        for way in options.ways.split():
            output = folder / "model.gguf"
            run("quantize", options.model, "-o", output, "--overwrite", "--format", "gguf",
                "--type", type_, "--pure", *flags[way])  # fmt: skip
            measured = "".join(evaluate(output, protocol) for protocol in protocols)
            print(f"| {type_} | {way} | {weights(output)} |{measured}", flush=True)
