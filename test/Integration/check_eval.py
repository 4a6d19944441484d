"""Compares the JSON of `qopt eval` on stdin with a reference, by tolerance."""

import json
import sys

reference, protocol, *flags = sys.argv[1:]
with open(reference, encoding="utf-8") as file:
    expected = json.load(file)
actual = json.load(sys.stdin)
windows = int(flags[0]) if flags else expected["windows"]


def near(name, value, target, tolerance):
    if not abs(value - target) <= tolerance:
        sys.exit(f"{name} is {value}, expected {target} within {tolerance}")


near("windows", actual["windows"], windows, 0)
per_window = 255 if protocol == "paper" else 127
near("tokens", actual["tokens"], windows * per_window, 0)
if windows == expected["windows"]:
    target = expected["perplexity"][protocol]
    near("perplexity", actual["perplexity"], target, 1e-4 * target)
else:
    losses = expected["window_nll"][:windows]
    near("nll", actual["nll"], sum(losses) / windows, 1e-4)
if "kl_mean" in actual:  # against the model itself
    near("kl_mean", actual["kl_mean"], 0, 1e-9)
    near("kl_p99", actual["kl_p99"], 0, 1e-9)
    near("top1", actual["top1"], 1, 0)
