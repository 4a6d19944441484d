"""The table of kernels that a module carries, from its PTX."""
import json
import re


def read_table(ptx):
    """The rows of the table."""
    found = re.search(r"\bqopt_dispatch\[\d+\] = \{([^}]*)\}", ptx)
    if not found:
        return []
    text = bytes(int(value) for value in found[1].split(","))
    return json.loads(text.rstrip(b"\0"))["kernels"]


def gaps(rows, shared):
    """What is missing where a block has `shared` bytes: a sentence for each
    linear that does not take every M, and for each kernel without room."""
    if not rows:
        yield "the module has no table of kernels"
    last = {}
    for row in rows:
        last[row["linear"]] = row
        most = row["shared"] + row["shared_per_row"] * (row["max_m"] or 1)
        if most > shared:
            yield f"{row['entry']} takes {most} bytes of shared memory, and a block has {shared}"
    for linear, row in last.items():
        if row["max_m"] != 0:
            yield f"{linear} has no kernel for M > {row['max_m']}"
