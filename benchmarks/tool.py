"""What benchmarks ask the tool."""
import json
import shutil
import subprocess
import sys


def declare_arguments(parser):
    parser.add_argument("model")
    parser.add_argument("--text", required=True, help="text to evaluate on")
    parser.add_argument("--calibration", required=True, help="text to calibrate on")
    parser.add_argument("--qopt", default="build/bin/qopt")
    parser.add_argument("--ctx", default="256")


def require(program):
    """Ends with a sentence if the program is not there."""
    if not shutil.which(program):
        sys.exit(f"{program} is not there: build it with scripts/build, or name another one")


def run(program, *words):
    """What the program printed; ends with what it said if it fails."""
    require(program)
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr.strip() or f"{program} failed with {done.returncode}")
    return done


class Tool:
    """The program of `options`, as declare_arguments has them."""

    def __init__(self, options):
        self.options = options

    def run(self, *words):
        return run(self.options.qopt, *words).stdout

    def evaluate(self, model, *words):
        text = ["--text", self.options.text, "--ctx", self.options.ctx]
        return json.loads(self.run("eval", model, *text, "--json", *words))


def cells(result):
    """Four columns of a table in Markdown: what eval --against measures."""
    return (
        f" {result['perplexity']:.3f} | {result['kl_mean']:.5f} |"
        f" {result['kl_p99']:.4f} | {result['top1']:.4f} |"
    )
