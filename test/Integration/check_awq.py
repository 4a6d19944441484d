"""Checks evaluations against the float model: of the scaled floats, and at 2
bits of rounding, scales, scales and clips, and these from saved statistics."""
import json
import sys

scaled, rtn, scales, clips, saved = (json.load(open(path)) for path in sys.argv[1:])
assert scaled["kl_mean"] < 1e-7 and scaled["top1"] == 1, scaled
# An independent implementation measured 0.180 and, with scales, 0.164 at 2 bits.
assert 0.1 < rtn["kl_mean"] < 0.5, rtn
assert scales["kl_mean"] < rtn["kl_mean"], (scales, rtn)
assert clips["kl_mean"] < 0.95 * scales["kl_mean"], (clips, scales)
assert saved["kl_mean"] < rtn["kl_mean"], (saved, rtn)
