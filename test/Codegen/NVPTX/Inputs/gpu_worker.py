"""Stands for the worker of gpu-check: answers its requests without a GPU.

Kernels behave as their entries say: ok, wrong, hangs, crashes, toolarge. With
the argument "square" the linear is square, and its chains of kernels race for
M = 16; with "pair" the module says the shape, and chains of a cluster's
kernel with those of another module race; with "self-test" there are kernels such
as those of SelfTest.cu."""
import json
import os
import re
import sys
import time

ROW = {"linear": "linear", "scheme": "int4_g128_sym", "bits": 4, "group": 128, "zero": 8, "zeros": False,
       "n": 256, "k": 512, "activations": "f16", "block": 128, "shared": 0, "shared_per_row": 0,
       "n_tiles": 16, "m_tile": 16, "persistent": False, "cluster": 1}
ENTRIES = [("ok_m8", 8), ("wrong_m16", 16), ("hangs_m64", 64), ("crashes_m128", 128), ("ok_m0", 0)]
MODE = sys.argv[1] if len(sys.argv) > 1 else ""
if MODE == "square":
    ROW["k"] = ROW["n"]
    ENTRIES = [("toolarge_m8", 8), ("ok_m16", 16), ("toolarge_m64", 64), ("ok_m0", 0)]
if MODE == "pair":
    ENTRIES = [("alone_m16", 16), ("cluster_m0", 0)]
if MODE == "self-test":
    ENTRIES = [("right", 0), ("wrong_scale", 0), ("crashes", 0), ("sums_in_workspace", 0),
               ("sums_in_one_place", 0), ("leaves_flag", 0), ("waits", 0), ("does_not_wait", 0)]


def tensors(path):
    """Names and shapes of a safetensors file."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return {name: tensor["shape"] for name, tensor in header.items() if name != "__metadata__"}


def archive(weights, values, rows, *calls):
    """Whether the files of the model hold what its linears need."""
    packed, numbers = tensors(weights), tensors(values)
    for call in calls:
        symbol, linear = call.split("=")
        n, k = numbers[symbol + ".y"][1], numbers[symbol + ".x"][1]
        assert linear == f"qopt_linear_int4_g64_n{n}_k{k}", linear
        assert {symbol + ".packed", symbol + ".scales", symbol + ".zeros"} <= packed.keys()
        assert numbers[symbol + ".x"][0] == numbers[symbol + ".y"][0] == int(rows)
    return {"relative": 3e-4, "different": 0}


def shape(entry):
    """The self-test has a chain of each of two kernels."""
    return {"linear": f"chain_{entry}", "n": 128, "k": 128} if entry in ("waits", "does_not_wait") else {}


def workspace(entry):
    return {"workspace": 292096} if entry in ("sums_in_workspace", "sums_in_one_place", "leaves_flag") else {}


def shape_of(path):
    """N and K of the first kernel of a module."""
    with open(path) as file:
        return tuple(map(int, re.search(r"\.entry \w+_n(\d+)_k(\d+)_", file.read()).groups()))


def launch(entry, most):
    """What of a launch there is no room for."""
    if not entry.startswith("toolarge"):
        return {}
    return {"cannot_launch": f"no kernel of {entry} takes M = {most}", "launchable_m": 3 if most == 8 else 0}


def chain(m, *entries):
    if MODE == "pair":
        # The other module, and of it all kernels that take so many rows, too.
        middle = entries.index("with")
        assert shape_of(entries[middle + 1]) == (ROW["k"], ROW["n"]), entries
        first, second = entries[:middle], entries[middle + 2:]
        assert first == second == ("alone_m16", "cluster_m0")[int(m) > 16:], entries
        return {"layers": 2 * len(first) * len(second) + 1, "magnitude": 0.5,
                "differ_in_stream": 0 if "alone_m16" in first else 3, "differ_in_graph": 0}
    if MODE == "square":  # of those that are right alone, all that take so many rows
        assert entries == tuple(entry for entry, most in ENTRIES if entry != "toolarge_m64" and
                                int(m) <= (3 if entry == "toolarge_m8" else most or 1000)), entries
    return {"layers": len(entries) ** 2 + 1, "magnitude": 0.5, "differ_in_stream": 0,
            "differ_in_graph": 7 if m == "16" and MODE == "square" or entries == ("does_not_wait",) else 0}


def answer(request):
    what, *words = request.split()
    if what == "device":
        return {"device": "GPU of the test", "multiprocessors": 10, "l2_bytes": 1 << 20,
                "driver": "13.0", "cublas": "130000", "copy_gbs": 100, "read_gbs": 110,
                "empty_single_us": 2.5, "empty_graph_us": 1.5}
    if what == "open":
        kernel = {"registers": 40, "local_bytes": 0, "static_shared": 0, "dynamic_shared": 0,
                  "blocks_per_multiprocessor": 2, "grid_x": 16, "grid_y": 1}
        if MODE == "pair":
            ROW["n"], ROW["k"] = shape_of(words[0])
            ROW["linear"] = f"n{ROW['n']}_k{ROW['k']}"
        return {"table": {"kernels": [{**ROW, **shape(entry), **workspace(entry), "entry": entry, "max_m": most}
                                      for entry, most in ENTRIES]},
                "kernels": [{**kernel, "entry": entry, **launch(entry, most)} for entry, most in ENTRIES]}
    if what == "archive":
        return archive(*words)
    if what == "chain":
        return chain(*words)
    if what == "verify" and words[0].startswith("hangs"):
        time.sleep(1000)
    if what == "verify" and words[0].startswith("crashes"):
        os._exit(1)
    if what == "verify":
        wrong = words[0].startswith("wrong")
        return {"relative": 0.1 if wrong else 2e-4, "largest": 1e-3, "not_written": 0,
                "overrun": 12 if wrong else 0, "unstable": int(words[0] == "leaves_flag"),
                "differ_in_streams": 5 if words[0] == "sums_in_one_place" else 0}
    m = int(words[-1])
    entry = next(entry for entry, most in ENTRIES if most == 0 or m <= most and
                 m <= launch(entry, most).get("launchable_m", m))
    return {"single_us": 3.0, "graph_us": 4.0 if what == "dense" else 2.0, "bytes": 100000,
            "entry": entry, "grid_x": 16, "grid_y": 1}


for line in sys.stdin:
    print(json.dumps({"ok": True, **answer(line)}), flush=True)
