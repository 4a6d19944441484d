"""Writes a module of linears whose weights are packed for GPUs.

usage: linears.py NxK SCHEME... [NxK SCHEME...]...

A scheme is int<bits>_g<group>[_sym], with "row" for a group that is a whole row,
or a GGUF type. With "+order" behind it, channels of x come in another order.
"""
import re
import sys


def permutation(k):
    return "  %%p = qopt.permute_channels %%x %s : tensor<?x%sxf32>\n" % (list(reversed(range(int(k)))), k)


shape = None
for number, word in enumerate(sys.argv[1:]):
    found = re.fullmatch(r"(\d+)x(\d+)", word)
    if found:
        shape = found.groups()
        continue
    n, k = shape
    word, _, permuted = word.partition("+")
    grouped = re.fullmatch(r"int(\d)_g(\d+|row)(_sym)?", word)
    scheme = "#qopt.gguf<%s>" % word
    if grouped:
        bits, group, symmetric = grouped.groups()
        group = "-1" if group == "row" else group
        scheme = "#qopt.grouped<bits = %s, group = %s%s>" % (bits, group, ", symmetric" if symmetric else "")
    weight = "!qopt.packed<%sx%sxf16, %s, #qopt.mma>" % (n, k, scheme)
    types = "tensor<?x%sxf32>, %s -> tensor<?x%sxf32>" % (k, weight, n)
    print(
        "func.func @f%d(%%x: tensor<?x%sxf32>, %%w: %s) -> tensor<?x%sxf32> {\n"
        "%s"
        "  %%y = qopt.linear %%%s, %%w : %s\n"
        "  return %%y : tensor<?x%sxf32>\n"
        "}" % (number, k, weight, n, permutation(k) if permuted else "", "p" if permuted else "x", types, n)
    )
