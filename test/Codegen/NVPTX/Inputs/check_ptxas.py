"""Reads what `ptxas -v` says of a PTX module: every kernel of the table is
there, keeps off the stack, spills nothing, leaves registers for as many blocks
per processor as it asks for, and nothing is reported beside that.

usage: check_ptxas.py FILE.ptx REPORT [LIMIT]

The registers of a processor are shared out to warps in units of 256. LIMIT is
how many registers a thread may have, of all kernels (ptxas lets kernels of few
threads have up to 255).
"""
import re
import sys

from check_linear import table_of

EXPECTED = [
    r"\d+ bytes gmem(, \d+ bytes cmem\[\d+\])*",
    r"Compiling entry function '(?P<entry>\w+)' for '\w+'",
    r"Function properties for \w+",
    r"(?P<stack>\d+) bytes stack frame, (?P<stores>\d+) bytes spill stores, (?P<loads>\d+) bytes spill loads",
    r"Used (?P<registers>\d+) registers(, [^,]*)*",
    r"Compile time = .*",
]


def demands(path):
    """Threads of a block, and how many blocks a processor is to hold."""
    with open(path) as file:
        entries = re.split(r"\.visible \.entry ", file.read())[1:]
    for text in entries:
        head = text[: text.index("{\n")]
        threads = int(re.search(r"\.reqntid (\d+)", head)[1])
        blocks = re.search(r"\.minnctapersm (\d+)", head)
        yield re.match(r"\w+", text)[0], threads, int(blocks[1]) if blocks else 1


def main():
    path, report = sys.argv[1:3]
    limit = int(sys.argv[3]) if len(sys.argv) > 3 else 255
    kernels, entry, faults = {}, None, []
    with open(report) as file:
        for line in file:
            text = re.sub(r"^ptxas info\s*: ", "", line).strip()
            found = next(filter(None, (re.fullmatch(each, text) for each in EXPECTED)), None)
            if not found:
                faults.append(line.strip())
                continue
            facts = found.groupdict()
            entry = facts.pop("entry", entry)
            kernels.setdefault(entry, {}).update({key: int(value) for key, value in facts.items()})
    table = table_of(path)
    names = {row["entry"] for row in table["kernels"] + table.get("permutations", [])}
    for entry, threads, blocks in demands(path):
        names.discard(entry)
        facts = kernels.get(entry, {})
        warps = -(-threads // 32) * blocks
        most = min(255, limit, 65536 // warps // 256 * 8)
        if any(facts.get(key, 1) for key in ("stack", "stores", "loads")) or facts.get("registers", 256) > most:
            faults.append("%s: at most %d registers, and %s" % (entry, most, facts))
    faults += ["%s is not in the module" % name for name in names]
    for fault in faults:
        print("WRONG", fault)
    print("%d kernels, at most %d registers" % (len(kernels) - (None in kernels), max(f.get("registers", 0) for f in kernels.values())))
    sys.exit(bool(faults))


main()
