"""Times qopt and llama.cpp on the same GGUF files; see scripts/peer-bench.

For each type qopt writes a model of random weights. Then both take turns on the
file: qopt measures itself with its noise gate, llama.cpp decodes and reads the
same prompts. Of qopt the best median of a turn counts, of llama.cpp the best
sample, so that noise cannot be held against it.
"""

import argparse
import json
import os
import sys
import tempfile
import time

import tool

TYPES = ["f16", "q8_0", "q6_k", "q5_k_m", "q5_0", "q4_k_m", "q4_0", "iq4_xs", "q3_k_m", "q2_k"]


class Peer:
    """llama.cpp with one model."""

    def __init__(self, path, threads):
        import llama_cpp

        self.api = llama_cpp
        llama_cpp.llama_backend_init()
        Peer.units = llama_cpp.llama_print_system_info().decode()
        silent = llama_cpp.llama_log_callback(lambda level, text, data: None)
        llama_cpp.llama_log_set(silent, None)
        self.silent = silent  # must live as long as it is set
        self.model = llama_cpp.llama_model_load_from_file(
            path.encode(), llama_cpp.llama_model_default_params()
        )
        if not self.model:
            sys.exit(f"llama.cpp does not load {path}")
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = 1024
        parameters.n_batch = parameters.n_ubatch = 512
        parameters.n_threads = parameters.n_threads_batch = threads
        self.context = llama_cpp.llama_init_from_model(self.model, parameters)

    def restart(self):
        api = self.api
        if hasattr(api, "llama_memory_clear"):
            api.llama_memory_clear(api.llama_get_memory(self.context), True)
        else:
            api.llama_kv_self_clear(self.context)

    def append(self, tokens):
        array = (self.api.llama_token * len(tokens))(*tokens)
        batch = self.api.llama_batch_get_one(array, len(tokens))
        if self.api.llama_decode(self.context, batch) != 0:
            sys.exit("llama_decode failed")
        self.api.llama_synchronize(self.context)

    def decode(self, count):
        """Tokens per second of `count` single tokens."""
        self.restart()
        self.append(list(range(100, 108)))
        start = time.perf_counter()
        for i in range(count):
            self.append([200 + 7 * i])
        return count / (time.perf_counter() - start)

    def prefill(self, count):
        self.restart()
        tokens = [(7919 * i) % 8000 for i in range(count)]
        start = time.perf_counter()
        self.append(tokens)
        return count / (time.perf_counter() - start)

    def close(self):
        self.api.llama_free(self.context)
        self.api.llama_model_free(self.model)


def measure_peer(path, threads, prompts, samples, best):
    peer = Peer(path, threads)
    for _ in range(samples):
        best["decode"] = max(best.get("decode", 0), peer.decode(32))
        for count in prompts:
            name = f"prefill {count}"
            best[name] = max(best.get(name, 0), peer.prefill(count))
    peer.close()


def measure_own(qopt, path, args):
    command = [qopt, "bench", path, "--prompt", args.prompt, "--json"]
    command += ["--threads", str(args.threads), "--samples", str(args.samples)]
    command += ["--seconds", str(args.seconds)]
    return json.loads(tool.run(*command).stdout)


def write_model(qopt, args, kind, path):
    """Random weights of a type, in a GGUF file."""
    command = [qopt, "bench", "--synthetic", args.shape, "--type", kind]
    command += ["--save", path, "--prompt", "1", "-n", "1", "--samples", "1"]
    command += ["--seconds", "0.1"]
    tool.run(*command)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("types", nargs="*", default=TYPES)
    parser.add_argument("--qopt", required=True)
    parser.add_argument("--shape", default="542m")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--prompt", default="256,512")
    parser.add_argument("--samples", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--models", help="keep the files here, and use those that exist")
    parser.add_argument("--write-only", action="store_true", help="only write the files")
    args = parser.parse_args()
    prompts = [int(each) for each in args.prompt.split(",")]

    if args.models:
        os.makedirs(args.models, exist_ok=True)
    print(f"{args.shape}, {args.threads} threads, tokens/s; share: of the read bandwidth of the same run")
    head = ["type", "GB/s read", "decode", "share", "llama.cpp", "ratio"]
    for count in prompts:
        head += [f"prefill {count}", "llama.cpp", "ratio"]
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head), flush=True)
    for kind in args.types:
        with tempfile.TemporaryDirectory(prefix="qopt-peer-") as folder:
            path = os.path.join(args.models or folder, f"{args.shape}-{kind}.gguf")
            if not os.path.exists(path):
                write_model(args.qopt, args, kind, path)
            if args.write_only:
                continue
            turns, theirs = [], {}
            for _ in range(args.turns):
                turns.append(measure_own(args.qopt, path, args))
                measure_peer(path, args.threads, prompts, args.samples, theirs)
        # A turn with the bandwidth that was there while it ran.
        ours = max(turns, key=lambda turn: turn["speeds"][0]["tokens_per_second"])
        for speed in ours["speeds"]:
            for turn in turns:
                for other in turn["speeds"]:
                    if other["name"] == speed["name"]:
                        if other["tokens_per_second"] > speed["tokens_per_second"]:
                            speed.update(other)
        cells = [kind, f"{ours['read_bandwidth'] * 1e-9:.1f}"]
        for speed in ours["speeds"]:
            own, other = speed["tokens_per_second"], theirs[speed["name"]]
            cells.append(f"{own:.1f}" + ("" if speed["quiet"] else " (noisy)"))
            if speed["name"] == "decode":
                share = own * ours["bytes_per_token"] / ours["read_bandwidth"]
                cells.append(f"{share:.2f}")
            cells += [f"{other:.1f}", f"{own / other:.2f}"]
        print("| " + " | ".join(cells) + " |", flush=True)
    if not args.write_only:
        print(f"\nllama.cpp uses {Peer.units.strip()}")


if __name__ == "__main__":
    main()
