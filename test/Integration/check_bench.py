"""check_bench.py JSON NAMES [NAME:KERNEL...]: the measurements of `qopt bench --json`.

Their names in order, positive speeds and limits, and that the kernels are in what was measured under the name.
"""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    report = json.load(file)
names = [speed["name"] for speed in report["speeds"]]
if names != sys.argv[2].split(","):
    sys.exit(f"measured {names}")
for key in ("bytes_per_token", "operations_per_token", "read_bandwidth", "peak_flops", "peak_memory"):
    if not report[key] > 0:
        sys.exit(f"{key} is {report[key]}")
for speed in report["speeds"]:
    if not speed["tokens_per_second"] > 0 or not 0 <= speed["kept"] <= speed["taken"]:
        sys.exit(f"{speed}")
    kernels = {kernel["name"]: kernel for kernel in speed["kernels"]}
    for wanted in sys.argv[3:]:
        measured, name = wanted.split(":")
        if measured != speed["name"]:
            continue
        if not (kernels[name]["seconds"] > 0 and kernels[name]["bytes"] > 0):
            sys.exit(f"{kernels[name]}")
