#!/usr/bin/env python3
"""Prints the last line of scripts/test from lit's JSON reports."""
import json
import sys

codes = []
for report in sys.argv[1:]:
    with open(report) as file:
        codes += [test["code"] for test in json.load(file)["tests"]]
failed = sum(code in ("FAIL", "XPASS", "TIMEOUT", "UNRESOLVED") for code in codes)
skipped = sum(code in ("UNSUPPORTED", "SKIPPED", "EXCLUDED") for code in codes)
passed = len(codes) - failed - skipped
print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
