# PLAN.json INSPECTED.json: the plan is what was written.
# --ram BYTES PLAN.json: the recommended mix is the largest that fits.
import json
import sys

if sys.argv[1] == "--ram":
    plan = json.load(open(sys.argv[3]))
    fitting = [mix for mix in plan["mixes"] if mix["run_memory"] <= int(sys.argv[2])]
    assert 0 < len(fitting) < len(plan["mixes"])
    assert all(mix["fits"] == (mix in fitting) for mix in plan["mixes"])
    good = [mix for mix in fitting if "k" in mix["type"] or mix["type"] in ("q8_0", "iq4_xs")]
    assert plan["recommended"] == max(good, key=lambda mix: mix["bytes"])["type"]
else:
    plan, written = (json.load(open(path)) for path in sys.argv[1:])
    assert plan["tensors"] == written["tensors"]
    assert plan["bytes"] == written["bytes"]
