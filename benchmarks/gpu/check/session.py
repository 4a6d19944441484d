"""What the parts of a check share: the worker, and what it found so far."""
import time

from .report import fail, say


class Session:
    def __init__(self, args, worker, record, begin):
        """The budget counts from `begin`, and building is part of it."""
        self.args, self.worker, self.record = args, worker, record
        self.begin, self.end = begin, begin + args.budget
        self.dense = {}      # (n, k, activations) -> M -> what cuBLAS takes
        self.failures = 0
        self.copy = None     # GB/s
        self.wrong = set()   # (module, entry) with wrong numbers
        self.racing = set()  # (module, linear) whose kernels do not wait for each other
        self.dead = set()    # (module, entry) that crashed or hung
        self.unlaunchable = {}  # (module, entry) -> the largest M that this GPU has room for

    def late(self, share=1):
        """Whether that share of the time is over."""
        return time.monotonic() > self.begin + share * (self.end - self.begin)

    def ask(self, module, request, entry=""):
        """The worker's answer, with the module loaded."""
        answer = self.worker.open(module)
        if answer["ok"]:
            answer = self.worker.request(request)
        if answer.get("broken"):
            self.dead.add((module["id"], entry))
        return answer

    def describe_device(self):
        answer = self.worker.request("device")
        if not answer["ok"]:
            fail(answer["error"])
        self.record({"kind": "device", **answer})
        self.copy = answer["copy_gbs"]
        say(f"{answer['device']}, {answer['multiprocessors']} multiprocessors, "
            f"{answer['l2_bytes'] >> 20} MiB of L2, CUDA {answer['driver']}, cuBLAS {answer['cublas']}; "
            f"copy {answer['copy_gbs']:.0f} GB/s (read + written), read {answer['read_gbs']:.0f} GB/s; "
            f"an empty kernel takes {answer['empty_single_us']:.2f} µs alone and "
            f"{answer['empty_graph_us']:.2f} in a graph")
