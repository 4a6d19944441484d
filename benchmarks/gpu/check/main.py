"""The order of a check."""
import argparse
import json
import os
import re
import time
from pathlib import Path

from .build import Builder, cache_directory
from .machine import SHARED, chips_to_run, compute_capability
from .report import fail, say
from .session import Session
from .times import time_every_kernel, time_shape
from .verify import open_module, verify_module, verify_pairs
from .worker import Worker


# Of the time, after which the rest is not compared, so that it is timed.
SHARE_VERIFYING = 0.6
# Of the time, after which no kernel is timed that is not chosen.
SHARE_ALTERNATIVES = 0.9


def run(session, modules):
    """Everything: first whether kernels are right, then how long they take."""
    session.describe_device()
    say("\nverifying")
    verified = []
    for module in modules:
        if session.late(SHARE_VERIFYING):
            say(f"  (no time left: {len(modules) - len(verified)} modules are not verified)")
            session.failures += 1
            break
        verify_module(session, module)
        verified.append(module)
    verify_pairs(session, [module for module in verified if module["rows"]])
    for module in modules[len(verified):]:
        if module["timed"] and not session.late():
            open_module(session, module)
    # What there is for every chip comes first: it is what matters most, should
    # there be no time for all.
    shapes = {}
    for module in sorted(modules, key=lambda module: not module["brief"]):
        if module["timed"] and module.get("rows"):
            shapes.setdefault((not module["brief"], module["n"], module["k"]), []).append(module)
    for (_, n, k), of_shape in shapes.items():
        if session.late():
            say(f"{n} x {k}: no time left")
            session.failures += 1
        else:
            time_shape(session, n, k, of_shape)
    # What is left of the time shows whether the tables' limits are right.
    for (other, n, k), of_shape in shapes.items():
        for module in of_shape:
            if not (other or session.args.quick or session.args.every_kernel or session.late(SHARE_ALTERNATIVES)):
                time_every_kernel(session, n, k, module)
    say()
    say(f"{session.failures} failures" if session.failures else "all kernels are right")


def self_test(session, modules):
    """Whether of the kernels of harness/SelfTest.cu exactly those pass which are
    right, alone and in a chain."""
    session.describe_device()
    module = modules[0]
    verify_module(session, module)
    entries = {row["entry"] for row in module["rows"]}
    right = entries - {entry for _, entry in session.wrong}
    racing = {linear for _, linear in session.racing}
    overlap = int(module["chip"][3:]) >= 90
    good = right == {"right", "sums_in_workspace", "waits", "does_not_wait"} and \
        racing == ({"chain_does_not_wait"} if overlap else set())
    say("the check tells right from wrong" if good else
        f"the check passes {sorted(right)}, and finds races in {sorted(racing)}")
    session.failures = 0 if good else 1
    time_shape(session, module["n"], module["k"], [module])


def chosen_modules(args, manifest, capability, shared):
    """The first chip that suits the GPU in full, others briefly."""
    chips = list(dict.fromkeys(module["chip"] for module in manifest["modules"]))
    suitable = chips_to_run(chips, capability, shared)
    modules = [module for module in manifest["modules"] if module["chip"] in suitable and
               (module["brief"] or module["chip"] == suitable[0])]
    if not modules:
        fail(f"the bundle has kernels for {', '.join(chips)}, and the GPU is of compute "
             f"capability {capability / 10}")
    others = [chip for chip in chips if chip not in suitable]
    say(f"kernels for {', '.join(suitable)}" + (f"; not for this GPU: those for {', '.join(others)}" if others else ""))
    if args.only:
        modules = [module for module in modules if re.search(args.only, module["id"])]
        if not modules:
            fail(f"no module of the bundle matches {args.only}")
    if args.quick:
        # The first chip that fits, the first scheme, and some of the odd shapes.
        first = modules[0]
        modules = [module for module in modules if module["variant"] or "archive" in module or
                   module["chip"] == first["chip"] and
                   (args.only or module.get("scheme") == first.get("scheme") and
                    module.get("activations") == first.get("activations"))]
    # Small ones first: what is wrong shows early. (sorted keeps their order.)
    return sorted(modules, key=lambda module: module["timed"])


def main(description):
    parser = argparse.ArgumentParser(description=description,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--quick", action="store_true",
                        help="only the first scheme, M as it is dispatched")
    parser.add_argument("--only", metavar="REGEX", help="modules whose name matches")
    parser.add_argument("--out", type=Path, help="JSON lines")
    parser.add_argument("--every-kernel", action="store_true",
                        help="time the kernels that are not chosen for an M, too, of all linears and not just "
                        "of the main ones as long as time is left")
    parser.add_argument("--budget", type=float, help="seconds, building included, after which nothing new begins")
    parser.add_argument("--patience", type=float, default=6, metavar="SECONDS",
                        help="after which a kernel hangs (%(default)s)")
    parser.add_argument("--worker", metavar="COMMAND",
                        help="a program in place of the harness, which is not built then")
    parser.add_argument("--jit", action="store_true", help="let the driver assemble, not ptxas")
    parser.add_argument("--build-only", metavar="CHIP",
                        help="make everything for a GPU such as sm_90, to run elsewhere")
    parser.add_argument("--cache", type=Path, default=cache_directory(),
                        help="where what is built is kept (%(default)s)")
    parser.add_argument("--self-test", action="store_true", help="check the check")
    parser.add_argument("--under", metavar="COMMAND",
                        help="run the worker under this, such as compute-sanitizer")
    args = parser.parse_args()
    args.budget = args.budget or (80 if args.quick else 440)
    bundle = args.bundle = args.bundle.resolve()
    manifest = json.loads((bundle / "manifest.json").read_text())
    begin = time.monotonic()
    if args.build_only:
        capability = int(args.build_only.rstrip("af")[3:])
        shared = SHARED.get(capability, SHARED[90])
    else:
        capability, shared = compute_capability()
    modules = [] if args.self_test else chosen_modules(args, manifest, capability, shared)
    environment = dict(os.environ)
    builder = Builder(bundle, capability, args.cache)
    if args.self_test:
        modules = [{"id": "self-test", "chip": f"sm_{capability}", "variant": "", "timed": True,
                    "image": builder.self_test()}]
    for module in modules:
        if "image" not in module:
            module["image"] = builder.unpack(bundle / module["file"])
    if args.worker:
        command = args.worker.split()
    else:
        command = [str(builder.worker())]
        environment["LD_LIBRARY_PATH"] = ":".join(filter(None, [
            environment.get("LD_LIBRARY_PATH"), str(builder.toolkit().cublas.parent)]))
        say(f"harness ready after {time.monotonic() - begin:.1f} s")
        if not args.jit:
            made = builder.assemble(modules)
            say(f"{made} of {len(modules)} modules assembled, after {time.monotonic() - begin:.1f} s")
    if args.build_only:
        builder.put_into_bundle()
        return 0
    out = args.out.open("a") if args.out else None

    def record(line):
        if out:
            out.write(json.dumps(line) + "\n")
            out.flush()

    worker = Worker([*(args.under or "").split(), *command], environment, args.patience)
    session = Session(args, worker, record, begin)
    try:
        (self_test if args.self_test else run)(session, modules)
    finally:
        worker.stop()
    say(f"{time.monotonic() - begin:.0f} s")
    return 1 if session.failures else 0
