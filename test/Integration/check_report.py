"""check_report.py REPORT.html EVAL.json BLOCKS: whether a report says of the whole
model what `qopt eval` says on the same windows, and whether its parts are there and
plausible."""
import html.parser
import json
import re
import sys

page_path, eval_path, blocks = sys.argv[1], sys.argv[2], int(sys.argv[3])
with open(page_path.removesuffix(".html") + ".json") as file:
    report = json.load(file)
with open(eval_path) as file:
    expected = json.load(file)

quality = report["quality"]
for ours, theirs in (("perplexity", "perplexity"), ("kl_mean", "kl_mean"),
                     ("kl_p99", "kl_p99"), ("top1", "top1"), ("tokens", "tokens")):
    assert abs(quality[ours] - expected[theirs]) <= 1e-6 * abs(expected[theirs]), ours

behind = quality["kl_after_block"]
assert len(behind) == blocks, behind
# Norm and head stay as they are, so the last block has the whole error.
assert abs(behind[-1] - quality["kl_mean"]) <= 1e-6 * quality["kl_mean"]
assert 0 < behind[0] < behind[-1], behind

weights = {weight["name"]: weight for weight in report["weights"]}
assert len(weights) == 7 * blocks
for name, weight in weights.items():
    assert weight["bits"] == 3.375, name
    # Three bits: a step is a seventh of the range, the error a few steps' third.
    assert 0.05 < weight["weight_error"] < 0.4, (name, weight)
    assert 0.01 < weight["output_error"] < 0.4, (name, weight)
assert report["bpw"] == 3.375


class Checker(html.parser.HTMLParser):
    stack, tags = [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag != "meta":
            self.stack.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag, tag


with open(page_path) as file:
    page = file.read()
checker = Checker()
checker.feed(page)
assert not checker.stack, checker.stack
assert checker.tags.count("svg") == 4, checker.tags.count("svg")
assert not re.search(r"https?:|src=|@import|url\(", page), "needs something else"
assert "script" not in checker.tags
for name in weights:
    assert f"<td>{name}</td>" in page, name
print("as measured")
