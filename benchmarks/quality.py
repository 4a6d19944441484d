#!/usr/bin/env python3
"""Perplexity, KL divergence and top-1 agreement of quantized models.

Quantizes MODEL in several ways, evaluates each against the float model, and
prints a table in Markdown. Calibration and evaluation texts are given by path:

    benchmarks/quality.py models/novella-7m --calibration C.txt --text E.txt
"""
import argparse
import pathlib
import tempfile
import time

import tool

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
tool.declare_arguments(parser)
parser.add_argument(
    "--schemes",
    default="4:128:asym 4:64:asym 4:32:asym 4:64:sym 4:32:sym "
    "3:128:asym 3:64:asym 3:32:asym 2:128:asym 2:64:asym 2:32:asym",
    help="bits:group:asym|sym, separated by blanks",
)
paper = "rounds=0,gptaq=0"
parser.add_argument(
    "--methods",
    default=f"rtn gptq:order=none,{paper} gptq:order=act,{paper} gptq:order=group,{paper} "
    "gptq awq awq+gptq",
    help="rtn, gptq, awq or awq+gptq, each with flags of qopt quantize as gptq:order=act,rounds=0",
)
options = parser.parse_args()
qopt = tool.Tool(options)

print(f"float perplexity {qopt.evaluate(options.model)['perplexity']:.4f}\n")
print("| scheme | method | perplexity | mean KL | p99 KL | top-1 | seconds |")
print("|---|---|---|---|---|---|---|")
with tempfile.TemporaryDirectory() as folder:
    for scheme in options.schemes.split():
        bits, group, symmetry = scheme.split(":")
        for method in options.methods.split():
            name, _, flags = method.partition(":")
            output = pathlib.Path(folder) / "model.mlir"
            words = ["quantize", options.model, "-o", output, "--overwrite"]
            words += ["--method", name, "--type", f"int{bits}", "--group", group]
            words += ["--symmetric" if symmetry == "sym" else "--asymmetric"]
            words += ["--format", "mlir"]
            if name != "rtn":
                words += ["--calibration", options.calibration, "--ctx", options.ctx]
            for flag in flags.split(",") if flags else []:
                key, value = flag.split("=")
                words += [f"--{key}", value]
            start = time.monotonic()
            qopt.run(*words)
            seconds = time.monotonic() - start
            measured = tool.cells(qopt.evaluate(output, "--against", options.model))
            print(
                f"| {bits} bits, {group}, {symmetry} | {method} |{measured} {seconds:.1f} |",
                flush=True,
            )
