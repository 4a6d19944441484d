"""Whether the kernels are right."""
from .report import say

SIZES = [1, 2, 3, 5, 8, 9, 16, 17, 33, 64, 100, 128, 300, 512, 1000]
SIZES_QUICK = [1, 3, 8, 16, 17, 64, 100, 300, 512, 1000]
# mean|y - r| / mean|r|, and the largest difference over the root mean square
# of r. Rounding y costs 2e-4 of the first in f16, and bf16 has 3 bits less.
TOLERANCE = {"f16": (1e-3, 1e-2), "bf16": (4e-3, 8e-2)}


# Rows of x of the chains: so few that kernels begin while others run, for each
# kind of kernel.
SIZES_CHAIN = [1, 8, 16, 64, 128, 300]
# The longest chain has a layer for each pair of so many kernels.
LONGEST_CHAIN = 8


def fail(session, failed, module, name, wrong, what=""):
    """Counts what failed, adds it to `failed`, and says the first reasons."""
    session.failures += 1
    failed.add((module["id"], name))
    say(f"FAIL {module['id']} {name}{what}")
    for line in wrong[:4]:
        say(f"       {line}")


def open_module(session, module):
    """The rows of its table, and what the GPU says of them; none if it does not
    load."""
    opened = session.worker.open(module)
    if "table" not in opened:
        session.failures += 1
        session.record({"kind": "open", "module": module["id"], **opened})
        say(f"FAIL {module['id']}: {opened.get('error')}")
        module["rows"] = []
        return []
    module["rows"] = opened["table"]["kernels"]
    for key in "n", "k", "scheme", "activations":
        module.setdefault(key, module["rows"][0][key])
    return list(zip(module["rows"], opened["kernels"]))


def verify_module(session, module):
    largest = {}  # M of the rows before, for each linear
    bounds = module["bounds"] = {}  # the largest M of an entry that can be launched
    for row, kernel in open_module(session, module):
        session.record({"kind": "kernel", "module": module["id"], **kernel})
        say(f"     {kernel['entry']}: {kernel['registers']} registers, "
            f"{kernel['local_bytes']} bytes local, "
            f"{kernel['static_shared']}+{kernel['dynamic_shared']} shared, "
            f"{kernel['blocks_per_multiprocessor']} x {row['block']} threads per SM"
            + ("" if "cannot_launch" in kernel else f", grid {kernel['grid_x']} x {kernel['grid_y']}"))
        bound = bounds[row["entry"]] = largest_launch(session, module, row, kernel)
        if not bound:
            continue
        smallest = largest.get(row["linear"], 0) + 1 if session.args.quick else 1
        fitting = [m for m in (SIZES_QUICK if session.args.quick else SIZES) if m <= bound]
        verify_entry(session, module, row, [m for m in fitting if m >= smallest] or fitting[-1:])
        largest[row["linear"]] = row["max_m"]

    verify_squares(session, module)
    if "archive" in module:
        verify_archive(session, module, module["archive"])


def largest_launch(session, module, row, kernel):
    """The largest M for which the GPU has room. What it cannot run, nobody has
    compared: a failure."""
    if "cannot_launch" not in kernel:
        return row["max_m"] or float("inf")
    bound = session.unlaunchable[module["id"], row["entry"]] = kernel.get("launchable_m", 0)
    session.failures += 1
    say(f"FAIL {module['id']} {row['entry']}: cannot be launched"
        + (f" beyond M = {bound}" if bound else "") + f", not compared: {kernel['cannot_launch']}")
    return bound


def linears_of(module):
    """linear -> its rows"""
    linears = {}
    for row in module["rows"]:
        linears.setdefault(row["linear"], []).append(row)
    return linears


def verify_squares(session, module):
    """Kernels of each square linear one after another."""
    for linear, rows in linears_of(module).items():
        if rows[0]["n"] == rows[0]["k"]:
            verify_chain(session, [(module, linear, rows)])


def verify_pairs(session, modules):
    """Kernels of N x K and K x N by turns, as in an MLP, where a scheme has both."""
    waiting = {}
    for module in modules:
        for linear, rows in linears_of(module).items():
            n, k, *scheme = (rows[0][key] for key in ("n", "k", "scheme", "activations"))
            key = (*scheme, module["chip"], module["variant"])
            if (k, n, *key) in waiting:
                verify_chain(session, [waiting.pop((k, n, *key)), (module, linear, rows)])
            elif n != k:
                waiting.setdefault((n, k, *key), (module, linear, rows))


def verify_chain(session, parts):
    """Kernels of one linear or two one after another: whether each waits for
    the one before it. Those that are wrong alone are left out."""
    module = parts[0][0]
    linear = " with ".join(linear for _, linear, _ in parts)
    done, longest, wrong = [], 0, []
    for m in SIZES_CHAIN:
        entries = [[row["entry"] for row in rows if m <= of["bounds"][row["entry"]] and
                    (of["id"], row["entry"]) not in session.wrong][:LONGEST_CHAIN]
                   for of, _, rows in parts]
        if not all(entries) or session.late():
            continue
        words = entries[0] + [word for (of, _, _), names in zip(parts[1:], entries[1:])
                              for word in ("with", str(of["image"]), *names)]
        answer = session.ask(module, f"chain {m} {' '.join(words)}", " ".join(words))
        reasons = [answer["error"]] if not answer["ok"] else []
        if answer["ok"]:
            done.append(m)
            longest = max(longest, answer["layers"])
            reasons += [f"{answer[key]} outputs differ from the same calls one at a time, launched {how}"
                        for key, how in (("differ_in_stream", "at once"), ("differ_in_graph", "as a graph"))
                        if answer[key]]
        session.record({"kind": "chain", "module": module["id"], "linear": linear, "m": m,
                        "entries": sum(entries, []), **answer, "reasons": reasons})
        if reasons:
            wrong.append(f"M={m}: {'; '.join(reasons)}")
        if answer.get("broken"):
            break
    if wrong:
        fail(session, session.racing, module, linear, wrong, ": a chain of its kernels")
    elif done:
        say(f"ok   {module['id']} {linear}: each kernel after each, x[i + 1] = y[i], up to {longest} layers, "
            f"at once and as a graph, M = {', '.join(map(str, done))}")


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
            if answer.get("differ_in_streams"):
                reasons.append(f"{answer['differ_in_streams']} outputs differ when two streams run it at once")
        session.record({"kind": "verify", "module": module["id"], "entry": entry, "m": m,
                        **answer, "reasons": reasons})
        if reasons:
            wrong.append(f"M={m}: {'; '.join(reasons)}")
        if answer.get("broken"):
            break
    if wrong:
        fail(session, session.wrong, module, entry, wrong)
    elif sizes:
        say(f"ok   {module['id']} {entry}: {worst:.1e} at most over M = "
            f"{', '.join(map(str, sizes))}" + (", and in two streams at once" if row.get("workspace") else ""))
