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
    default="4:64:asym 4:64:sym 4:128:asym 3:32:asym 3:64:asym 3:128:asym 2:32:asym 2:64:asym",
    help="bits:group:asym|sym, separated by blanks",
)
parser.add_argument(
    "--methods",
    default="rtn gptq:none gptq:act gptq:group awq awq+gptq:act",
    help="rtn, awq, gptq:ORDER, awq+gptq:ORDER",
)
parser.add_argument("--flags", default="", help="more flags of qopt quantize where GPTQ is")
options = parser.parse_args()
qopt = tool.Tool(options)

print(f"float perplexity {qopt.evaluate(options.model)['perplexity']:.4f}\n")
print("| scheme | method | perplexity | mean KL | p99 KL | top-1 | seconds |")
print("|---|---|---|---|---|---|---|")
with tempfile.TemporaryDirectory() as folder:
    for scheme in options.schemes.split():
        bits, group, symmetry = scheme.split(":")
        for method in options.methods.split():
            name, _, order = method.partition(":")
            output = pathlib.Path(folder) / "model.mlir"
            words = ["quantize", options.model, "-o", output, "--overwrite"]
            words += ["--method", name, "--type", f"int{bits}", "--group", group]
            words += ["--symmetric" if symmetry == "sym" else "--asymmetric"]
            words += ["--format", "mlir"]
            if name != "rtn":
                words += ["--calibration", options.calibration, "--ctx", options.ctx]
            if order:
                words += ["--order", order, *options.flags.split()]
            start = time.monotonic()
            qopt.run(*words)
            seconds = time.monotonic() - start
            measured = tool.cells(qopt.evaluate(output, "--against", options.model))
            print(
                f"| {bits} bits, {group}, {symmetry} | {method} |{measured} {seconds:.1f} |",
                flush=True,
            )
