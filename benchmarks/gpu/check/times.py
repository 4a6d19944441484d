"""How long the linears take, beside cuBLAS."""
from .report import say

SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 512, 2048]


def time_shape(session, n, k, modules):
    say()
    columns = {}
    for activations in dict.fromkeys(module["activations"] for module in modules):
        dense = session.dense.setdefault((n, k, activations), {})
        for m in SIZES:
            if m in dense or session.late():
                continue
            dense[m] = session.worker.request(f"dense {n} {k} {activations} {m}")
            session.record({"kind": "dense", "n": n, "k": k, "activations": activations,
                            "m": m, **dense[m]})
        for module in modules:
            if module["activations"] == activations and not session.late():
                columns[module["id"]] = time_module(session, n, k, module, dense)
                if session.args.every_kernel:
                    time_every_kernel(session, n, k, module)
    if len(columns) > 1:
        compare(n, k, columns)


def time_module(session, n, k, module, dense):
    say(f"{n} x {k}  {module['scheme']} {module['activations']} {module['chip']} "
        f"{module['variant']}".rstrip() + ("" if "bounds" in module else "  (not compared with the reference)"))
    say("     M |   single    graph     GB/s  of copy  TFLOP/s |  cuBLAS: single    graph | times cuBLAS | kernel")
    times = {}
    for m in SIZES:
        if session.late():
            say("  (no time left)")
            break
        # What a launch chooses: the first that takes so many rows and has room.
        row = next((row for row in module["rows"] if (not row["max_m"] or m <= row["max_m"]) and
                    m <= session.unlaunchable.get((module["id"], row["entry"]), m)), None)
        if row is None or (module["id"], row["entry"]) in session.dead:
            session.failures += row is None
            say(f"{m:6} |  no kernel that works")
            continue
        answer = session.ask(module, f"time {row['linear']} {m}", row["entry"])
        session.record({"kind": "time", "module": module["id"], "n": n, "k": k,
                        "scheme": module["scheme"], "activations": module["activations"],
                        "chip": module["chip"], "variant": module["variant"], "m": m, **answer})
        if not answer["ok"]:
            session.failures += 1
            say(f"{m:6} |  {answer['error']}")
            continue
        us, base = answer["graph_us"], dense.get(m, {})
        times[m] = us
        rate = answer["bytes"] / us * 1e-3
        floating = (f"{base['single_us']:15.2f} {base['graph_us']:8.2f} | {base['graph_us'] / us:12.2f}"
                    if base.get("ok") else f"{'-':>15} {'-':>8} | {'-':>12}")
        mark = " WRONG" if (module["id"], answer["entry"]) in session.wrong else ""
        say(f"{m:6} | {answer['single_us']:8.2f} {us:8.2f} {rate:8.0f} {100 * rate / session.copy:7.0f}% "
            f"{2e-6 * m * n * k / us:8.1f} | {floating} | {answer['entry'].rpartition('_')[2]}, "
            f"{answer['grid_x']} x {answer['grid_y']}{mark}")
    return times


def time_every_kernel(session, n, k, module):
    """What each kernel of the linear takes, whether it is the chosen one or
    not: whether the table's limits are right."""
    rows = module["rows"]
    say(f"{n} x {k}  every kernel, graph µs; * is the fastest")
    say("     M |" + "".join(f"{row['entry'].rpartition('_')[2]:>10}" for row in rows))
    for m in SIZES:
        if session.late():
            return
        times = []
        for row in rows:
            answer = {"ok": False}
            if (not row["max_m"] or m <= row["max_m"]) and (module["id"], row["entry"]) not in session.dead:
                answer = session.ask(module, f"time {row['entry']} {m}", row["entry"])
                session.record({"kind": "every", "module": module["id"], "entry": row["entry"],
                                "n": n, "k": k, "m": m, **answer})
            times.append(answer["graph_us"] if answer["ok"] else None)
        best = min((time for time in times if time), default=None)
        cells = [f"{'*' if time == best else ''}{time:.2f}" if time else "-" for time in times]
        say(f"{m:6} |" + "".join(f"{cell:>10}" for cell in cells))


def compare(n, k, columns):
    say(f"{n} x {k}  graph µs side by side")
    names = list(columns)
    for i, name in enumerate(names):
        say(f"   [{i + 1}] {name}")
    say("     M |" + "".join(f"{f'[{i + 1}]':>10}" for i in range(len(names))))
    for m in SIZES:
        cells = [columns[name].get(m) for name in names]
        say(f"{m:6} |" + "".join(f"{cell:10.2f}" if cell else f"{'-':>10}" for cell in cells))
