"""Shortens an input of a command while it runs, at many moments.

    shrink.py INPUT KEPT OUTPUT[,OUTPUT]... COMMAND...

Runs COMMAND once to the end, which must write the OUTPUTs. Then runs it again and
again, each time cutting INPUT to KEPT bytes after a growing part of the time it
took: it must end by itself with exit code 0, 3 or 4, and each OUTPUT must be
absent or complete. Finished blocks, which --resume would go on from, are removed.
"""

import os
import shutil
import subprocess
import sys
import time

MOMENTS = 16


def read(path):
    with open(path, "rb") as file:
        return file.read()


def run(command):
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


source, kept, outputs, command = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(","), sys.argv[4:]
directory, name = os.path.split(outputs[0])
state = os.path.join(directory, f".{name}.run")
content = read(source)
start = time.monotonic()
if run(command).wait() != 0:
    sys.exit("the command fails by itself")
duration = time.monotonic() - start
expected = {path: read(path) for path in outputs}

codes = []
for moment in range(MOMENTS):
    for path in outputs:
        if os.path.exists(path):
            os.remove(path)
    shutil.rmtree(state, ignore_errors=True)
    process = run(command)
    time.sleep(duration * (moment + 0.5) / MOMENTS)
    os.truncate(source, kept)
    message = process.communicate()[1].decode()
    if process.returncode not in (0, 3, 4):
        sys.exit(f"exit code {process.returncode}: {message}")
    if process.returncode and "error: " not in message:
        sys.exit(f"no reason is given: {message}")
    codes.append(process.returncode)
    with open(source, "wb") as file:
        file.write(content)
    for path in outputs:
        if os.path.exists(path) and read(path) != expected[path]:
            sys.exit(f"{path} is not complete")
shutil.rmtree(state, ignore_errors=True)
print("exit codes", codes)
if not any(codes):
    sys.exit("no run noticed")
