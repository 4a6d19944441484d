"""Kills a run at many moments, goes on with --resume, and compares.

    resume.py OUTPUT SUFFIX,... BLOCKS COMMAND...

COMMAND quantizes a model of BLOCKS blocks to OUTPUT; SUFFIXes name the files
that it writes ("" is OUTPUT itself). All must have the bytes of a run that was
not stopped, however often and whenever it was killed, and finished blocks must
not be done again.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

output, suffixes, blocks, command = (
    sys.argv[1],
    sys.argv[2].split(","),
    int(sys.argv[3]),
    sys.argv[4:],
)
directory, name = os.path.split(output)
state = os.path.join(directory, f".{name}.run")


def place(suffix):
    return suffix and os.path.splitext(output)[0] + suffix or output


def results():
    contents = []
    for suffix in suffixes:
        with open(place(suffix), "rb") as file:
            contents.append(file.read())
    return contents


def clean():
    shutil.rmtree(state, ignore_errors=True)
    for suffix in suffixes:
        if os.path.exists(place(suffix)):
            os.remove(place(suffix))


def finished():
    try:
        return sum(each.endswith(".safetensors") for each in os.listdir(state))
    except FileNotFoundError:
        return 0


def start(*flags):
    return subprocess.Popen(
        command + list(flags), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def stop(process, number, ready):
    """Sends a signal as soon as `ready` says so; whether it was in time."""
    while process.poll() is None and not ready():
        time.sleep(0.001)
    process.send_signal(number)
    process.communicate()
    return process.returncode != 0


def go_on(*flags):
    """Runs to the end; the blocks that were not done again."""
    process = start("--resume", "--json", *flags)
    out, errors = process.communicate()
    if process.returncode:
        sys.exit(f"--resume: {errors}")
    if os.path.exists(state):
        sys.exit(f"{state} stays behind")
    return json.loads(out)["resumed_blocks"]


clean()
began = time.monotonic()
process = start()
errors = process.communicate()[1]
if process.returncode:
    sys.exit(f"the command fails by itself: {errors}")
duration = time.monotonic() - began
expected = results()

# At a known place, with each signal; the rest with other numbers of threads.
for number, after in ((signal.SIGKILL, 1), (signal.SIGINT, 2), (signal.SIGTERM, 3)):
    clean()
    if not stop(start(), number, lambda: finished() >= after):
        sys.exit(f"{number.name} came too late")
    kept = finished()
    if kept < after:
        sys.exit(f"{number.name} left {kept} of {after} blocks")
    if number != signal.SIGKILL and os.path.exists(output):
        sys.exit(f"{number.name} left {output}")
    again = go_on("--threads", "1")
    if again != kept:
        sys.exit(f"{kept} blocks were kept, but {again} used")
    if results() != expected:
        sys.exit(f"another result after {number.name}")

# Again and again, anywhere.
generator = random.Random(7)
kills = 0
for _ in range(3):
    clean()
    flags = []
    while kills < 12:
        moment = time.monotonic() + generator.random() * duration
        if not stop(
            start(*flags), signal.SIGKILL, lambda: time.monotonic() >= moment
        ):
            break
        kills += 1
        # Killed at the very end: there is nothing left to go on with.
        if os.path.exists(output) and not os.path.exists(state):
            break
        flags = ["--resume"]
    else:
        go_on()
    if os.path.exists(state) or not os.path.exists(output):
        go_on()
    if results() != expected:
        sys.exit("another result after random kills")

# While it publishes: what can be there of the output, with the state beside it.
clean()
stop(start(), signal.SIGKILL, lambda: finished() >= 3)
kept = state + ".kept"
shutil.copytree(state, kept)
go_on()
for written, marks in (
    (suffixes[1:], []),
    (suffixes, ["publishing"]),
    (suffixes, ["publishing", "published"]),
):
    shutil.copytree(kept, state)
    for mark in marks:
        open(os.path.join(state, mark), "w").close()
    for suffix in suffixes:
        if suffix not in written:
            os.remove(place(suffix))
    again = go_on()
    if results() != expected:
        sys.exit(f"another result after a kill behind {marks}")
    if (again == 0) != ("published" in marks):
        sys.exit(f"{again} blocks used behind {marks}")
# Outputs that are not the run's own stay.
shutil.copytree(kept, state)
if start("--resume").wait() == 0 or results() != expected:
    sys.exit("--resume replaces outputs of others")
shutil.rmtree(state)
shutil.rmtree(kept)
if kills == 0:
    sys.exit("no run was killed")
print("the same bytes")
