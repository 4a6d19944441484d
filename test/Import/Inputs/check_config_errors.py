"""Imports a checkpoint with damaged configurations: check_config_errors.py CASES CHECKPOINT WORK.

CASES has lines `CASE: KEY=JSON -KEY … => MESSAGE`. Each makes a config.json from
that of CHECKPOINT with members set or (`-KEY`) removed. `qopt import` must then
exit with 3, say MESSAGE, and write nothing.
"""

import json
import os
import shutil
import subprocess
import sys


def edited(config, edits):
    config = dict(config)
    for edit in edits.split():
        if edit.startswith("-"):
            del config[edit[1:]]
        else:
            key, value = edit.split("=", 1)
            config[key] = json.loads(value)
    return config


def main(cases, checkpoint, work):
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    shutil.copy(os.path.join(checkpoint, "model.safetensors"), work)
    with open(os.path.join(checkpoint, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    output = os.path.join(work, "m.mlir")
    count = failures = 0
    for line in open(cases, encoding="utf-8"):
        if not line.startswith("CASE: "):
            continue
        edits, message = line[6:].strip().split(" => ")
        count += 1
        with open(os.path.join(work, "config.json"), "w", encoding="utf-8") as file:
            json.dump(edited(config, edits), file)
        result = subprocess.run(
            ["qopt", "import", work, "-o", output], capture_output=True, text=True
        )
        if (
            result.returncode != 3
            or message not in result.stderr
            or os.path.exists(output)
        ):
            failures += 1
            print(f"{edits}\n  expected: {message}\n  exit {result.returncode}: {result.stderr}")
    print(f"{count} cases, {failures} failures")
    return 1 if failures or not count else 0


sys.exit(main(*sys.argv[1:]))
