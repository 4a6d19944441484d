"""Checks that greedy text from `qopt run` is the reference's."""

import json
import subprocess
import sys

model, reference = sys.argv[1:]
with open(reference, encoding="utf-8") as file:
    continuations = json.load(file)["greedy"]
for expected in continuations:
    command = ["qopt", "run", model, "-p", expected["prompt"], "-n", "48"]

    def run(*flags):
        result = subprocess.run([*command, *flags], capture_output=True, check=True)
        return result.stdout.decode("utf-8")

    ids = [int(word) for word in run("--ids").split()]
    if ids != expected["ids"]:
        sys.exit(f"{expected['prompt']!r}: ids {ids}, expected {expected['ids']}")
    text = run()
    if text != expected["prompt"] + expected["text"] + "\n":
        sys.exit(f"{expected['prompt']!r}: text {text!r}")
