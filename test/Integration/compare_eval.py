"""compare_eval.py EXPECTED ACTUAL: JSON of two `qopt eval`, equal within 1e-5.

ACTUAL was compared with the model of EXPECTED, so its divergence must vanish.
"""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    expected = json.load(file)
with open(sys.argv[2], encoding="utf-8") as file:
    actual = json.load(file)
if expected["tokens"] != actual["tokens"] or not expected["tokens"]:
    sys.exit(f"{actual['tokens']} tokens, expected {expected['tokens']}")
for key in ("nll", "perplexity"):
    difference = abs(actual[key] / expected[key] - 1)
    if not difference <= 1e-5:
        sys.exit(f"{key} is {actual[key]}, expected {expected[key]}")
if not abs(actual["kl_mean"]) <= 1e-6:
    sys.exit(f"kl_mean is {actual['kl_mean']}")
if not actual["top1"] >= 0.999:
    sys.exit(f"top1 is {actual['top1']}")
print(f"agrees: perplexity {actual['perplexity']}, kl {actual['kl_mean']:.1e}")
