#!/usr/bin/env python3
"""Speed of a model whose groups are scattered over the columns (act-order).

Rounds the linears in the blocks of MODEL to groups: of columns as they are, and
of columns in a random order that linears of the same input share, which is what
checkpoints with desc_act and g_idx have. Times both in turns and prints the best
of each in Markdown; with --text it says first what compiled code makes of them.

    benchmarks/act_order.py models/novella-7m --text models/novella-7m/sample.txt

--qopt "OLD NEW" times the second with OLD, too.
"""
import argparse
import json
import pathlib
import random
import re
import sys
import tempfile

import tool

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("model", help="a float model")
parser.add_argument("--qopt", default="build/bin/qopt")
parser.add_argument("--scheme", default="bits=4 group=128 symmetric=true")
parser.add_argument("--text", help="a text to compare with the interpreter on")
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--bench", default="--prompt 256 --seconds 3", help="flags of qopt bench")
parser.add_argument("--directory", help="where both models are kept, or were")
parser.add_argument("--only-make", action="store_true")
options = parser.parse_args()
programs = options.qopt.split()

LOAD = re.compile(r"(%[\w.]+) = ml_program.global_load_const (@[\w.]+) : (.*)$")
LINEAR = re.compile(r"qopt.linear (%[\w.]+), (%[\w.]+)")
GLOBAL = re.compile(r"private (@[\w.]+)\((#qopt\.extern<.*?>)\) : (.*)$")
SHAPE = re.compile(r"(\d+)x(\d+)x\w+")


def orders_of(lines):
    """An order of columns for each weight of a block's linears."""
    generator = random.Random(1)
    columns, orders = {}, {}
    for line in lines:
        if found := GLOBAL.search(line):
            shape = SHAPE.search(found[3])
            columns[found[1]] = int(shape[2]) if shape else 0
        elif "func.func" in line:
            weights, of_input, is_block = {}, {}, "llm.block" in line
        elif found := LOAD.search(line):
            weights[found[1]] = found[2]
        elif (found := LINEAR.search(line)) and is_block:
            x, weight = found[1], weights[found[2]]
            if x not in of_input:
                of_input[x] = list(range(columns[weight]))
                generator.shuffle(of_input[x])
            orders[weight] = of_input[x]
    return orders


def permuted(lines, orders):
    """The module with the columns of weights in an order: as views, floats."""
    for line in lines:
        if "func.func" in line:
            retyped = {}
        if (found := GLOBAL.search(line)) and found[1] in orders:
            of = found[3]
            view = f"#qopt.view<{found[2]} of {of}, [#qopt.permute<columns, {orders[found[1]]}>]>"
            line = f"{line[: found.start(2)]}{view}) : tensor<{SHAPE.search(of)[0]}>"
        elif (found := LOAD.search(line)) and found[2] in orders:
            retyped[found[1]] = found[3], f"tensor<{SHAPE.search(found[3])[0]}>"
            line = line[: found.start(3)] + retyped[found[1]][1]
        elif (found := LINEAR.search(line)) and found[2] in retyped:
            line = line.replace(*retyped[found[2]])
        yield line


def inverse(order):
    return sorted(range(len(order)), key=order.__getitem__)


def make(folder):
    def rewrite(source, target, orders):
        lines = (folder / source).read_text().splitlines()
        (folder / target).write_text("\n".join(permuted(lines, orders)))

    def quantize(source, target):
        scheme = f"--rtn-quantize={options.scheme}"
        tool.run(programs[-1], folder / source, scheme, "-o", folder / target, "--no-remarks")

    tool.run(programs[-1], "import", options.model, "-o", folder / "float.mlir", "--overwrite")
    quantize("float.mlir", "stored.mlir")
    orders = orders_of((folder / "float.mlir").read_text().splitlines())
    rewrite("float.mlir", "scattered.mlir", orders)
    quantize("scattered.mlir", "sorted.mlir")
    rewrite("sorted.mlir", "act.mlir", {name: inverse(order) for name, order in orders.items()})


def compare(folder):
    for model in "stored", "act":
        path = folder / f"{model}.mlir"
        result = json.loads(tool.run(programs[-1], "eval", path, "--engine", "compiled", "--exact",
            "--against", path, "--text", options.text, "--windows", "4", "--json").stdout)  # fmt: skip
        print(f"{model}: perplexity {result['perplexity']:.3f}, ", end="")
        print(f"KL of compiled against interpreted {result['kl_mean']:.1e}\n")


def measure(program, model):
    """Tokens per second of each speed."""
    result = json.loads(tool.run(program, "bench", model, *options.bench.split(), "--json").stdout)
    return {speed["name"]: speed["tokens_per_second"] for speed in result["speeds"]}


def time(folder):
    ways = [("stored", programs[-1])] + [("act", program) for program in programs]
    rounds = []
    for first in range(options.rounds):
        found = [None] * len(ways)
        for i in range(len(ways)):
            turn = (first + i) % len(ways)
            model, program = ways[turn]
            found[turn] = measure(program, folder / f"{model}.mlir")
        rounds.append(found)
        print(found, file=sys.stderr)
    names = list(rounds[0][0])
    print("| columns | program |" + "".join(f" {n}, tokens/s | of stored |" for n in names))
    print("|" + "---|" * (2 + 2 * len(names)))
    for i, (model, program) in enumerate(ways):
        line = f"| {model} | {program} |"
        for name in names:
            best = [max(each[way][name] for each in rounds) for way in (0, i)]
            line += f" {best[1]:.1f} | {best[1] / best[0]:.3f} |"
        print(line)


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "act.mlir").exists():
        make(folder)
    if options.text:
        compare(folder)
    if not options.only_make:
        time(folder)


if options.directory:
    main(pathlib.Path(options.directory))
else:
    with tempfile.TemporaryDirectory() as name:
        main(pathlib.Path(name))
