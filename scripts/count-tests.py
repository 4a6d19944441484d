#!/usr/bin/env python3
"""Prints the last line of scripts/test from lit's JSON report."""
import json
import sys

with open(sys.argv[1]) as report:
    codes = [test["code"] for test in json.load(report)["tests"]]
failed = sum(code in ("FAIL", "XPASS", "TIMEOUT", "UNRESOLVED") for code in codes)
skipped = sum(code in ("UNSUPPORTED", "SKIPPED", "EXCLUDED") for code in codes)
passed = len(codes) - failed - skipped
print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
