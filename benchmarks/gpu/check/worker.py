"""The process on the GPU, which a kernel may crash or hang."""
import json
import os
import select
import subprocess
import time

# How long an answer may take, in units of --patience.
PATIENCE = {"device": 3, "open": 3, "verify": 1, "archive": 2, "chain": 2, "time": 2, "dense": 2}


class Worker:
    def __init__(self, command, environment, patience):
        self.command, self.environment, self.patience = command, environment, patience
        self.process, self.module, self.pending = None, None, b""

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process, self.module = None, None

    def request(self, text):
        """The answer; one with "ok": false if there is none in time."""
        if not self.process:
            self.pending = b""
            self.process = subprocess.Popen(self.command, env=self.environment,
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        what = text.split()[0]
        seconds = self.patience * PATIENCE[what]
        try:
            self.process.stdin.write(text.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        deadline = time.monotonic() + seconds
        while b"\n" not in self.pending:
            ready, _, _ = select.select([self.process.stdout], [], [],
                                        max(0, deadline - time.monotonic()))
            chunk = os.read(self.process.stdout.fileno(), 1 << 16) if ready else b""
            if not chunk:
                error = ("it crashed" if ready else f"no answer in {seconds:g} s: it hangs")
                self.stop()
                if not ready and what == "verify":  # others probably hang too
                    self.patience = min(self.patience, 3)
                return {"ok": False, "broken": True, "error": error}
            self.pending += chunk
        line, _, self.pending = self.pending.partition(b"\n")
        answer = json.loads(line.decode(errors="replace"))
        if answer.get("broken"):
            self.stop()
        return answer

    def open(self, module):
        """Loads the module if it is not the one that is loaded."""
        if self.process and self.module == module["id"]:
            return {"ok": True}
        answer = self.request(f"open {module['image']}")
        if answer["ok"]:
            self.module = module["id"]
        return answer
