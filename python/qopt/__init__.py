"""Quantizes language models, measures them, and runs them.

    import qopt

    qopt.quantize("models/llama", "llama.gguf", format="gguf", type="q4_k_m")
    model = qopt.Model("llama.gguf")
    print(model.evaluate(open("text.txt").read()).perplexity)
    print(model.generate("It was a dark night, and", count=60, temperature=0.8))

MODEL is a checkpoint directory, a .gguf file, a module (.mlir, .mlirbc), or what
`qopt compile` wrote. Errors are subclasses of qopt.Error. The module needs
nothing but libqopt-c.so, which lies beside an installed qopt; the environment
variable QOPT_LIBRARY names another one.
"""
from qopt._api import (
    BadInput,
    Error,
    Evaluation,
    Interrupted,
    IOFailure,
    Model,
    QuantizeResult,
    UsageError,
    evaluate,
    generate,
    quantize,
    version,
)

__all__ = [
    "BadInput",
    "Error",
    "Evaluation",
    "IOFailure",
    "Interrupted",
    "Model",
    "QuantizeResult",
    "UsageError",
    "evaluate",
    "generate",
    "quantize",
    "version",
]
__version__ = version()
