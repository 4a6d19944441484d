"""Whether the kernels are right."""
from .report import say

SIZES = [1, 2, 3, 5, 8, 9, 16, 17, 33, 64, 100, 128, 300, 512, 1000]
SIZES_QUICK = [1, 3, 8, 16, 17, 64, 100, 300, 512, 1000]
# mean|y - r| / mean|r|, and the largest difference over the root mean square
# of r. Rounding y costs 2e-4 of the first in f16, and bf16 has 3 bits less.
TOLERANCE = {"f16": (1e-3, 1e-2), "bf16": (4e-3, 8e-2)}


def verify_module(session, module):
    opened = session.worker.open(module)
    if "table" not in opened:
        session.failures += 1
        session.record({"kind": "open", "module": module["id"], **opened})
        say(f"FAIL {module['id']}: {opened.get('error')}")
        module["rows"] = []
        return
    module["rows"] = opened["table"]["kernels"]
    for key in "n", "k", "scheme", "activations":
        module.setdefault(key, module["rows"][0][key])
    largest = {}  # M of the rows before, for each linear
    for row, kernel in zip(module["rows"], opened["kernels"]):
        session.record({"kind": "kernel", "module": module["id"], **kernel})
        say(f"     {kernel['entry']}: {kernel['registers']} registers, "
            f"{kernel['local_bytes']} bytes local, "
            f"{kernel['static_shared']}+{kernel['dynamic_shared']} shared, "
            f"{kernel['blocks_per_multiprocessor']} x {row['block']} threads per SM"
            + (f", {kernel['cannot_launch']}" if "cannot_launch" in kernel else
               f", grid {kernel['grid_x']} x {kernel['grid_y']}"))
        if "cannot_launch" in kernel:
            continue
        smallest = largest.get(row["linear"], 0) + 1 if session.args.quick else 1
        fitting = [m for m in (SIZES_QUICK if session.args.quick else SIZES)
                   if row["max_m"] == 0 or m <= row["max_m"]]
        verify_entry(session, module, row, [m for m in fitting if m >= smallest] or fitting[-1:])
        largest[row["linear"]] = row["max_m"]

    if "archive" in module:
        verify_archive(session, module, module["archive"])


def verify_archive(session, module, archive):
    """Weights that the compiler packed, launched alone and as a graph."""
    bundle = session.args.bundle
    answer = session.ask(module, " ".join(
        ["archive", str(bundle / archive["weights"]), str(bundle / archive["values"]),
         str(archive["rows"]), *("=".join(call) for call in archive["calls"])]))
    session.record({"kind": "archive", "module": module["id"], **answer})
    right = answer["ok"] and answer["relative"] < TOLERANCE["f16"][0] and not answer["different"]
    session.failures += not right
    say(f"{'ok  ' if right else 'FAIL'} {module['id']}: {len(archive['calls'])} linears with weights of the "
        "archive, alone and as a graph: " + (
            f"{answer['relative']:.1e}, {answer['different']} outputs of the graph differ"
            if answer["ok"] else answer["error"]))


def verify_entry(session, module, row, sizes):
    entry, worst, wrong = row["entry"], 0, []
    mean, most = TOLERANCE[row["activations"]]
    for m in sizes:
        answer = session.ask(module, f"verify {entry} {m}", entry)
        reasons = [answer["error"]] if not answer["ok"] else []
        if answer["ok"]:
            for key in "relative", "largest":  # null is not a number
                answer[key] = float("inf") if answer[key] is None else answer[key]
            worst = max(worst, answer["relative"])
            if answer["not_written"]:
                reasons.append(f"{answer['not_written']} outputs not written or not finite")
            if answer["overrun"]:
                reasons.append(f"{answer['overrun']} bytes written outside of y")
            if not answer["relative"] < mean:
                reasons.append(f"mean difference {answer['relative']:.2e}")
            if not answer["largest"] < most:
                reasons.append(f"largest difference {answer['largest']:.2e}")
            if answer["unstable"]:
                reasons.append(f"{answer['unstable']} outputs differ in a second launch")
        session.record({"kind": "verify", "module": module["id"], "entry": entry, "m": m,
                        **answer, "reasons": reasons})
        if reasons:
            wrong.append(f"M={m}: {'; '.join(reasons)}")
        if answer.get("broken"):
            break
    if wrong:
        session.failures += 1
        session.wrong.add((module["id"], entry))
        say(f"FAIL {module['id']} {entry}")
        for line in wrong[:4]:
            say(f"       {line}")
    elif sizes:
        say(f"ok   {module['id']} {entry}: {worst:.1e} at most over M = "
            f"{', '.join(map(str, sizes))}")
