"""Stops a command in the middle, at many moments, and looks at what it left.

    interrupt.py OUTPUT[,OUTPUT]... COMMAND...

Runs COMMAND once to the end, which must write the OUTPUTs, files or directories
of files, in one directory that holds nothing else. Then, for SIGINT, SIGTERM and SIGKILL in turn,
starts it and stops it after a growing part of the time it took: each OUTPUT must
be absent or complete, and nothing else may be in the directory, except hidden
files after SIGKILL, and `.NAME.run`, which --resume goes on from.
"""

import os
import shutil
import signal
import subprocess
import sys
import time

MOMENTS = 8


def read(path):
    if os.path.isdir(path):
        return {name: read(os.path.join(path, name)) for name in os.listdir(path)}
    with open(path, "rb") as file:
        return file.read()


def remove(path):
    if os.path.isdir(path):
        shutil.rmtree(path)
    else:
        os.remove(path)


def run(command):
    null = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=null, stderr=null)


outputs, command = sys.argv[1].split(","), sys.argv[2:]
directory = os.path.dirname(outputs[0])
start = time.monotonic()
if run(command).wait() != 0:
    sys.exit("the command fails by itself")
duration = time.monotonic() - start
expected = {path: read(path) for path in outputs}

stopped = 0
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
    for moment in range(MOMENTS):
        for path in outputs:
            if os.path.exists(path):
                remove(path)
        process = run(command)
        time.sleep(duration * (moment + 0.5) / MOMENTS)
        process.send_signal(number)
        stopped += process.wait() != 0
        for path in outputs:
            if os.path.exists(path) and read(path) != expected[path]:
                sys.exit(f"{path} is not complete after {number.name}")
        for name in os.listdir(directory):
            path = os.path.join(directory, name)
            if path in outputs:
                continue
            kept = name.startswith(".") and name.endswith(".run")
            if not kept and (number != signal.SIGKILL or not name.startswith(".")):
                sys.exit(f"{number.name} leaves {path}")
            remove(path)
if not stopped:
    sys.exit("no run was stopped before its end")
print(f"stopped {stopped} of {3 * MOMENTS} runs")
