"""compare_logits.py EXPECTED.json ACTUAL.json [TOLERANCE]: largest difference over largest logit."""

import json
import sys

with open(sys.argv[1]) as file:
    expected = json.load(file)
with open(sys.argv[2]) as file:
    actual = json.load(file)
tolerance = float(sys.argv[3]) if len(sys.argv) > 3 else 1e-5
if [len(row) for row in expected] != [len(row) for row in actual]:
    sys.exit("the shapes differ")
largest = max(abs(v) for row in expected for v in row)
difference = max(
    abs(a - b) for r, s in zip(expected, actual) for a, b in zip(r, s)
)
if not difference <= tolerance * largest:
    sys.exit(f"differs by {difference} of {largest}")
print(f"agrees: {difference / largest:.2e}")
