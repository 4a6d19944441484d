"""Does what a tutorial says: run_tutorial.py TUTORIAL.md SCRATCH

Blocks of `sh` are run in order in SCRATCH. A block after `<!-- file: NAME -->` is
written there, and one after `<!-- shows: NAME -->` must be what NAME holds: its
lines in this order, others between them, with `…` for any text.
"""
import pathlib
import re
import subprocess
import sys

tutorial, scratch = sys.argv[1], pathlib.Path(sys.argv[2])
text = pathlib.Path(tutorial).read_text()
done = {"run": 0, "file": 0, "shows": 0}


def check(name, block):
    lines = (scratch / name).read_text().splitlines()
    at = 0
    for wanted in filter(str.strip, block.splitlines()):
        parts = [re.escape(part) for part in wanted.strip().split("…")]
        pattern = re.compile(".*".join(parts))
        while at < len(lines) and not pattern.fullmatch(lines[at].strip()):
            at += 1
        if at == len(lines):
            sys.exit(f"{tutorial}: {name} does not show\n  {wanted}\nbut\n" + "\n".join(lines)[:5000])
        at += 1


blocks = re.compile(r"(?:<!-- (file|shows): (\S+) -->\n)?```(\w*)\n(.*?)^```$", re.S | re.M)
for role, name, language, block in blocks.findall(text):
    if role == "file":
        (scratch / name).write_text(block)
    elif role == "shows":
        check(name, block)
    elif language == "sh":
        subprocess.run(["bash", "-euo", "pipefail", "-c", block], cwd=scratch, check=True)
        role = "run"
    else:
        sys.exit(f"{tutorial}: a block of {language!r} that is neither run nor compared")
    done[role] += 1
print(done)
if min(done.values()) == 0:
    sys.exit(f"{tutorial}: nothing was found to run or compare")
