"""What makes the kernels of a PTX module fast, in its text.

usage: check_structure.py FILE.ptx

- no local memory, no calls, no divisions of floats;
- codes lie in shared memory in planes of 1, 2, 4 or 8 bits, and a lane loads its
  words of a plane at once (four at most);
- codes leave L2 first; streaming and tile kernels copy them by cp.async of 16
  bytes, kernels of wgmma by bulk copies of TMA, which an mbarrier counts, and the
  rest by cp.async, which an mbarrier follows; no block of a cluster waits for its
  stores of y before it ends;
- tensor cores multiply: mma.sync with ldmatrix, or wgmma;
- tile kernels touch global memory only by cp.async and by stores of 16 bytes,
  and have copies of several stages under way; those whose blocks share tiles
  read sums of others in 16 bytes, and wait by flags;
- permutations load 16 bytes of order and store 16 bytes of y.
"""
import re
import sys

from check_linear import table_of


def bodies(path):
    with open(path) as file:
        for text in re.split(r"\.visible \.entry ", file.read())[1:]:
            yield re.match(r"\w+", text)[0], text


def require(faults, entry, body, pattern, wanted=True):
    if bool(re.search(pattern, body)) != wanted:
        faults.append("%s %s: %s" % (entry, "lacks" if wanted else "has", pattern))


def main():
    path = sys.argv[1]
    table = table_of(path)
    rows = {row["entry"]: row for row in table["kernels"] + table.get("permutations", [])}
    faults = []
    for entry, body in bodies(path):
        row = rows.pop(entry)
        check = lambda pattern, wanted=True: require(faults, entry, body, pattern, wanted)
        check(r"\.local\b|\bcall\b|\bdiv\.\w*\.?f", False)
        if "bits" in row:
            check(r"createpolicy\.fractional\.L2::evict_first")
        else:
            check(r"ld\.global\.nc\.v4")
            check(r"st\.global\.v4")
            check(r"st\.global\.(?!v4)", False)
            continue
        # Words of each plane that a lane loads at once.
        for width in (8, 4, 2, 1):
            if row["bits"] & width:
                words = min(width, 4)
                check(r"ld\.shared\.%s[bu]32 " % ("v%d\\." % words if words > 1 else ""))
        if "_warpgroup_" in entry:
            check(r"wgmma\.mma_async\.sync\.aligned\.m64n\d+k16\.f32\.b?f16\.b?f16")
            check(r"setmaxnreg\.dec")
            check(r"mbarrier\.expect_tx")
            check(r"cp\.async\.bulk\.shared::cluster\.global\.mbarrier::complete_tx::bytes\.L2::cache_hint")
            check(r"cp\.async\.cg\.shared\.global \[[^]]*\], \[[^]]*\], 16")
            check(r"cp\.async\.mbarrier\.arrive\.noinc")
            check(r"cp\.async\.wait|\bld\.global", False)
            check(r"barrier\.cluster\.arrive\.relaxed\.aligned;\s+barrier\.cluster\.wait[^{}]*\bret;", row["cluster"] > 1)
            continue
        check(r"cp\.async\.cg\.shared\.global\.L2::cache_hint \[[^]]*\], \[[^]]*\], 16")
        check(r"ldmatrix\.sync\.aligned\.m8n8\.x4")
        kind = "f16" if row["activations"] == "f16" else "bf16"
        check(r"mma\.sync\.aligned\.m16n8k16\.row\.col\.f32\.%s\.%s\.f32" % (kind, kind))
        if "_tile_" in entry:
            check(r"cp\.async\.wait_group [1-6];")
            check(r"\bld\.global(?!\.cg\.v4)", False)
            check(r"st\.global\.v4\.[bu]32")
            check(r"st\.global\.(?!v4)", False)
            stripes = "workspace" in row
            check(r"ld\.global\.cg\.v4\.f32", stripes)
            check(r"st\.release\.gpu\.global", stripes)
            check(r"ld\.acquire\.gpu\.global", stripes)
    faults += ["%s is not in the module" % entry for entry in rows]
    for fault in faults:
        print("WRONG", fault)
    print("%d kernels" % len(table["kernels"]))
    sys.exit(bool(faults))


main()
