"""stop_behind.py STATE COUNT COMMAND...: interrupts COMMAND once STATE holds
COUNT finished blocks, and prints its exit code and what it said."""
import os
import signal
import subprocess
import sys
import time

state, count, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
while process.poll() is None:
    try:
        if sum(name.endswith(".safetensors") for name in os.listdir(state)) >= count:
            break
    except FileNotFoundError:
        pass
    time.sleep(0.001)
process.send_signal(signal.SIGINT)
said = process.communicate()[0]
print(f"exit code {process.returncode}\n{said}")
