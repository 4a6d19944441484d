"""usage: use_qopt.py MODEL SCRATCH: everything that `import qopt` offers."""
import pathlib
import sys
import typing

import qopt

model, scratch = sys.argv[1], pathlib.Path(sys.argv[2])
text = pathlib.Path(model, "sample.txt").read_text()[:2000]


def raises(kind, function, *arguments, **options):
    try:
        function(*arguments, **options)
    except kind as error:
        return str(error)
    raise AssertionError(f"{function.__name__} raised nothing")


assert qopt.__version__ == "0.1.0"

# Quantizing, to two formats.
phases = []
result = qopt.quantize(
    model,
    scratch / "q.gguf",
    format="gguf",
    type="q4_0",
    method="rtn",
    progress=lambda phase, done, total: phases.append((phase, done, total)),
)
assert result.bytes < result.bytes_before and result.seconds > 0
assert 4.4 < result.bits_per_weight < 5.0, result
assert phases and all(done <= total for _, done, total in phases)
qopt.quantize(model, scratch / "q.mlir", method="rtn", group=64, symmetric=True)

# Errors say what the tool says, and nothing is left behind.
assert "q.gguf" in raises(
    qopt.UsageError, qopt.quantize, model, scratch / "q.gguf", format="gguf", method="rtn"
)
raises(qopt.UsageError, qopt.quantize, model, scratch / "x.mlir", type="int99")
raises(qopt.UsageError, qopt.quantize, model, scratch / "x.mlir", method="magic")
raises(qopt.UsageError, qopt.quantize, model, scratch / "x.mlir", flags=["--help"])
raises(
    qopt.Interrupted,
    qopt.quantize,
    model,
    scratch / "x.mlir",
    method="rtn",
    progress=lambda *_: False,
)


def fail(*_):
    raise RuntimeError("from the callback")


assert "callback" in raises(
    RuntimeError, qopt.quantize, model, scratch / "x.mlir", method="rtn", progress=fail
)
assert not list(scratch.glob("*x*")), list(scratch.iterdir())

# Evaluating.
evaluation = qopt.evaluate(scratch / "q.mlir", text, against=model, context=64)
assert evaluation.tokens > 100 and evaluation.perplexity > 1
assert 0 < evaluation.kl_mean < 0.1 and 0.8 < evaluation.top1 <= 1, evaluation
assert qopt.evaluate(model, text, context=64, windows=1).kl_mean is None

# Generating: the same with the same seed, in pieces, and stopped early.
with qopt.Model(scratch / "q.gguf", threads=1, engine="interpreter") as opened:
    assert opened.vocabulary_size == 4096 and opened.context_length > 0
    options = dict(count=12, temperature=0.9, top_p=0.9, seed=7)
    pieces = []
    first = opened.generate("It was a dark", on_text=pieces.append, **options)
    assert first and "".join(pieces) == first
    assert opened.generate("It was a dark", **options) == first
    short = opened.generate("It was a dark", on_text=lambda piece: False, **options)
    assert first.startswith(short) and len(short) < len(first)
    assert "callback" in raises(RuntimeError, opened.generate, "It", on_text=fail)
raises(qopt.UsageError, opened.generate, "closed")
raises(qopt.IOFailure, qopt.Model, scratch / "missing")
raises(qopt.UsageError, qopt.Model, model, engine="steam")

# Typed and documented.
for name in qopt.__all__:
    thing = getattr(qopt, name)
    assert thing.__doc__, name
    if name.islower():
        assert "return" in typing.get_type_hints(thing), name
print("ok")
