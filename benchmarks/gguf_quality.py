#!/usr/bin/env python3
"""Divergence of GGUF types from the float model, by way of quantizing.

Quantizes every matrix of MODEL to one type: plainly, with an importance matrix
of the block linears (as llama-imatrix has it), with one of the output too, and
with GPTQ, which makes up for the errors of inputs (gptq) or takes them as they
are (gptq-inputs); evaluates each by both protocols on the first windows, and prints
Markdown:

    benchmarks/gguf_quality.py models/novella-7m --calibration C.txt --text E.txt
"""
import argparse
import json
import pathlib
import tempfile

import tool

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
tool.declare_arguments(parser)
parser.add_argument("--windows", default="48")
parser.add_argument("--protocols", default="paper llama.cpp")
parser.add_argument(
    "--types",
    default="bf16 q8_0 q6_k q5_k q5_1 q5_0 q4_k q4_1 q4_0 iq4_nl iq4_xs mxfp4 q3_k q2_k tq2_0 tq1_0",
)
parser.add_argument("--ways", default="plain imatrix imatrix-head gptq")
options = parser.parse_args()
qopt = tool.Tool(options)


def weights(path):
    return sum(t["bytes"] for t in json.loads(qopt.run("inspect", path, "--json"))["tensors"])


def evaluate(path, protocol):
    words = ["--against", options.model, "--protocol", protocol, "--windows", options.windows]
    return tool.cells(qopt.evaluate(path, *words))


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
        qopt.run("calibrate", options.model, *text, *more, "--imatrix", folder / f"{way}.gguf")
        flags[way] = ["--method", "rtn", "--imatrix", folder / f"{way}.gguf"]
    flags["gptq"] = ["--method", "gptq", "--calibration", options.calibration, "--ctx", options.ctx]
    flags["gptq-inputs"] = [*flags["gptq"], "--gptaq", "0"]
    for type_ in options.types.split():
        for way in options.ways.split():
            output = folder / "model.gguf"
            qopt.run("quantize", options.model, "-o", output, "--overwrite", "--format", "gguf",
                "--type", type_, "--pure", *flags[way])  # fmt: skip
            measured = "".join(evaluate(output, protocol) for protocol in protocols)
            print(f"| {type_} | {way} | {weights(output)} |{measured}", flush=True)
