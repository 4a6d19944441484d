"""Imports damaged GGUF files: check_gguf_errors.py CASES WORK.

CASES has lines `CASE: EDIT … => MESSAGE`. Each makes a tiny file of the llama
architecture with keys set (`KEY=KIND:JSON`, kinds as in gguf_file), keys or
tensors removed (`-NAME`), vectors of floats set (`+NAME=JSON`), or the file cut
to N bytes (`cut:N`, from its end if negative). The command in the line's prefix
(`CASE:` imports, `EVAL:` also needs the tokenizer) must then exit with 3 and say
MESSAGE in one line; `OK:` must succeed.
"""

import json
import os
import subprocess
import sys

import gguf_file
import gguf_model


def edited(keys, tensors, edits):
    keys, tensors, cut = dict(keys), dict(tensors), None
    for edit in edits.split():
        if edit.startswith("-"):
            del (keys if edit[1:] in keys else tensors)[edit[1:]]
        elif edit.startswith("cut:"):
            cut = int(edit[4:])
        elif edit.startswith("+"):
            name, values = edit[1:].split("=", 1)
            values = json.loads(values)
            data = gguf_file.encode(values, "F32")
            tensors[name] = ("F32", [len(values)], data)
        else:
            name, value = edit.split("=", 1)
            kind, value = value.split(":", 1)
            keys[name] = (kind, json.loads(value))
    data = gguf_file.file_bytes(keys, tensors)
    return data if cut is None else data[:cut]


def main(cases, work):
    os.makedirs(work, exist_ok=True)
    _, keys, tensors, _ = gguf_model.make_model("llama2", "F16")
    path, output = os.path.join(work, "m.gguf"), os.path.join(work, "m.mlir")
    text = os.path.join(work, "text")
    with open(text, "w") as file:
        file.write("ABCD" * 100)
    commands = {
        "CASE": ["qopt", "import", path, "-o", output],
        "OK": ["qopt", "import", path, "-o", output],
        "EVAL": ["qopt", "eval", path, "--text", text, "--ctx", "8"],
    }
    count = failures = 0
    for line in open(cases, encoding="utf-8"):
        kind, _, rest = line.partition(": ")
        if kind not in commands:
            continue
        edits, _, message = rest.strip().partition(" => ")
        count += 1
        with open(path, "wb") as file:
            file.write(edited(keys, tensors, edits))
        result = subprocess.run(commands[kind], capture_output=True, text=True)
        written = os.path.exists(output)
        if written:
            os.remove(output)
        refused = result.returncode == 3 and not written
        if kind == "OK":
            failed = result.returncode != 0
        else:
            failed = not refused or message not in result.stderr or result.stderr.count("error:") != 1
        if failed:
            failures += 1
            print(f"{kind}: {edits}\n  expected: {message}\n  exit {result.returncode}: {result.stderr}")
    print(f"{count} cases, {failures} failures")
    return 1 if failures or not count else 0


sys.exit(main(*sys.argv[1:]))
