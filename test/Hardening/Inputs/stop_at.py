"""stop_at.py TEXT COMMAND...: gives COMMAND a terminal for its progress,
interrupts it once TEXT stands there, and prints its exit code and what it said."""
import os
import pty
import signal
import subprocess
import sys

text, command = sys.argv[1].encode(), sys.argv[2:]
terminal, end = pty.openpty()
process = subprocess.Popen(command, stdout=end, stderr=end)
os.close(end)
said, sent = b"", False
while True:
    try:
        chunk = os.read(terminal, 4096)
    except OSError:  # the other end is closed
        break
    if not chunk:
        break
    said += chunk
    if not sent and text in said:
        process.send_signal(signal.SIGINT)
        sent = True
if not sent:
    sys.exit(f"'{sys.argv[1]}' was never said, but:\n{said.decode()}")
print(f"exit code {process.wait()}")
print(said.decode().replace("\r", "\n").replace("\033[K", ""))
