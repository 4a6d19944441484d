"""What benchmarks of quality ask the tool."""
import json
import subprocess


def declare_arguments(parser):
    parser.add_argument("model")
    parser.add_argument("--text", required=True, help="text to evaluate on")
    parser.add_argument("--calibration", required=True, help="text to calibrate on")
    parser.add_argument("--qopt", default="build/bin/qopt")
    parser.add_argument("--ctx", default="256")


class Tool:
    """The program of `options`, as declare_arguments has them."""

    def __init__(self, options):
        self.options = options

    def run(self, *words):
        command = [self.options.qopt, *map(str, words)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def evaluate(self, model, *words):
        text = ["--text", self.options.text, "--ctx", self.options.ctx]
        return json.loads(self.run("eval", model, *text, "--json", *words))


def cells(result):
    """Four columns of a table in Markdown: what eval --against measures."""
    return (
        f" {result['perplexity']:.3f} | {result['kl_mean']:.5f} |"
        f" {result['kl_p99']:.4f} | {result['top1']:.4f} |"
    )
