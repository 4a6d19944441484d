"""Runs a command that cannot write files of more than BYTES bytes, as on a disk
that is full: small_disk.py BYTES COMMAND... Exits as the command does."""

import resource
import signal
import subprocess
import sys


def limit():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # write() says EFBIG instead
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)


process = subprocess.run(sys.argv[2:], preexec_fn=limit)
sys.exit(process.returncode if process.returncode >= 0 else 128 - process.returncode)
