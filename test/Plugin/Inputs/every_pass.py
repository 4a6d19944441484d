"""Runs every pass and pipeline in the stock mlir-opt, and in qopt, and compares
what they write.

usage: every_pass.py PLUGIN REFERENCE MODULE SCRATCH

The passes are those of the reference pages, so that a new one is here at once.
"""
import pathlib
import re
import subprocess
import sys

plugin, reference, module, scratch = sys.argv[1:]

# What a pass must be told to do something, or to do it at all.
OPTIONS = {
    "assign-types": "type=int4 group=32",
    "hessian-calibrate": f"stats={scratch}/stats.safetensors",
    "rtn-quantize": "group=32 symmetric=true",
    "gptq-quantize": "group=32",
}
# Passes that work on what others have made.
BEFORE = {
    "pack-weights": "rtn-quantize{group=32}",
    "gguf-pack": "rtn-quantize{group=32 symmetric=true}",
    "convert-linear-to-cpu": "rtn-quantize{group=32},pack-weights",
    "convert-linear-to-gpu": "rtn-quantize{group=32},pack-weights{target=nvptx}",
    "lower-to-llvm-cpu": "rtn-quantize{group=32}",
    "lower-to-nvptx": "rtn-quantize{group=32}",
    "lower-cpu-kernels": "rtn-quantize{group=32},pack-weights,convert-linear-to-cpu",
    "lower-qopt-to-linalg": "rtn-quantize{group=32}",
}
# Passes that leave this module as it is.
IDLE = {"hessian-calibrate", "raise-to-qopt", "sort-columns", "awq-scale-fold", "test-inject-outliers"}
# A pass that needs a model around the weights says so, here as there.
NEEDS_MODEL = {"hessian-calibrate"}


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    # MLIR notes in gpu.binary how long code generation took.
    text = re.sub(r"(LLVMIRToISATimeInMs) = \d+", r"\1 = 0", done.stdout)
    return done.returncode, text, done.stderr


def difference(lines, others):
    for line, other in zip(lines.splitlines(), others.splitlines()):
        if line != other:
            return f"{line[:300]}\n{other[:300]}"
    return "one is longer"


def check(name):
    step = name + ("{" + OPTIONS[name] + "}" if name in OPTIONS else "")
    steps = ",".join(filter(None, [BEFORE.get(name), step]))
    pipeline = f"--pass-pipeline=builtin.module({steps})"
    plugins = [f"--load-dialect-plugin={plugin}", f"--load-pass-plugin={plugin}"]
    stock, text, errors = run("mlir-opt", *plugins, module, pipeline)
    own, expected, _ = run("qopt", module, pipeline)
    if (stock != 0) != (own != 0) or (stock != 0) != (name in NEEDS_MODEL):
        return f"exit {stock}, in qopt {own}: {errors}"
    if stock < 0:
        return f"died of signal {-stock}: {errors}"
    if text != expected:
        return f"mlir-opt and qopt write different modules:\n{difference(text, expected)}"
    before = run("mlir-opt", *plugins, module, f"--pass-pipeline=builtin.module({BEFORE.get(name, '')})")
    if name not in IDLE and not name.startswith("print-") and text == before[1]:
        return "changed nothing"
    return None


passes = ["lower-to-llvm-cpu", "lower-to-nvptx"]
for page in sorted(pathlib.Path(reference).glob("*.md")):
    passes += re.findall(r"^### `-([a-z0-9-]+)`", page.read_text(), re.MULTILINE)
if len(passes) < 10:
    sys.exit(f"the reference lists only {passes}")
failed = False
for name in passes:
    wrong = check(name)
    failed |= wrong is not None
    print(f"{name}: {wrong or 'ok'}")
sys.exit(failed)
