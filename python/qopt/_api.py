"""The functions and classes that `import qopt` offers."""
from __future__ import annotations

import ctypes
import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import Optional, Union

from qopt import _library as c

Path = Union[str, "os.PathLike[str]"]


class Error(Exception):
    """What went wrong; the message names file, place and reason."""


class UsageError(Error, ValueError):
    """An option that makes no sense."""


class BadInput(Error, ValueError):
    """A file whose content cannot be accepted."""


class IOFailure(Error, OSError):
    """The operating system refused."""


class Interrupted(Error, KeyboardInterrupt):
    """A progress function returned False. Nothing was written."""


_KINDS = {2: UsageError, 3: BadInput, 4: IOFailure, 75: Interrupted}


@dataclasses.dataclass(frozen=True)
class QuantizeResult:
    bytes: int  # of all weights, as they lie in the output
    bytes_before: int
    bits_per_weight: float  # of those that were quantized
    seconds: float


@dataclasses.dataclass(frozen=True)
class Evaluation:
    tokens: int  # predictions that count
    nll: float  # their mean, natural logarithm
    perplexity: float
    # Against a reference, if one was given: KL(reference || model), and how
    # often the likeliest token is the same.
    kl_mean: Optional[float] = None
    kl_p99: Optional[float] = None
    top1: Optional[float] = None


def _encode(text: Optional[Path]) -> Optional[bytes]:
    return None if text is None else os.fspath(text).encode()


def _call(name: str, *arguments) -> None:
    """Calls a function that returns a status; its last parameter is `error`."""
    message = ctypes.c_void_p()
    status = getattr(c.library, name)(*arguments, ctypes.byref(message))
    if status == 0:
        return
    text = ctypes.string_at(message.value).decode(errors="replace")
    c.library.qoptFree(message)
    raise _KINDS.get(status, Error)(text)


class _Guard:
    """Runs callbacks; an exception in one stops the work and is raised later."""

    def __init__(self) -> None:
        self.raised: Optional[BaseException] = None

    def wrap(self, function: Callable[..., Optional[bool]]) -> Callable[..., bool]:
        def guarded(*arguments) -> bool:
            try:
                return function(*arguments) is not False
            except BaseException as exception:  # must not cross C
                self.raised = exception
                return False

        return guarded

    def call(self, name: str, *arguments) -> None:
        try:
            _call(name, *arguments)
        except Error:
            if self.raised is None:
                raise
        if self.raised is not None:
            raise self.raised


def version() -> str:
    """The version of the library, "0.1.0"."""
    return c.library.qoptVersion().decode()


def quantize(
    model: Path,
    output: Path,
    *,
    method: Optional[str] = None,
    format: Optional[str] = None,
    type: Optional[str] = None,
    group: Optional[int] = None,
    symmetric: Optional[bool] = None,
    calibration: Optional[Path] = None,
    samples: Optional[int] = None,
    context: Optional[int] = None,
    threads: int = 0,
    overwrite: bool = False,
    flags: Sequence[str] = (),
    progress: Optional[Callable[[str, int, int], Optional[bool]]] = None,
) -> QuantizeResult:
    """Quantizes `model` and writes `output`, completely or not at all.

    method       "rtn", "gptq" (default), "awq" or "awq+gptq"
    format       "mlir" (default), "gguf", "gptq", "awq" or "compressed-tensors"
    type         "int2" to "int8", or a GGUF type or mix such as "q4_k_m"
    group        columns that share a scale, -1 for a row (int types)
    symmetric    no zero points (int types)
    calibration  a text file; without one the model writes its own text
    samples, context  of the calibration
    threads      0 for one per processor
    flags        further flags of `qopt quantize`, as ["--mse"]
    progress     called as progress(phase, done, total); False stops the work
    """
    guard = _Guard()
    options = c.QuantizeOptions()
    c.library.qoptQuantizeOptionsInit(ctypes.byref(options))
    options.method = _encode(method)
    options.format = _encode(format)
    options.type = _encode(type)
    options.group = group or 0
    options.symmetric = -1 if symmetric is None else int(symmetric)
    options.calibration = _encode(calibration)
    options.samples = samples or 0
    options.context = context or 0
    options.threads = threads
    options.overwrite = overwrite
    words = [flag.encode() for flag in flags]
    options.flags = (ctypes.c_char_p * len(words))(*words)
    options.flag_count = len(words)
    # ctypes lets Python handle signals only where it runs Python: here, too.
    told = guard.wrap(
        lambda phase, done, total, data: (
            progress(phase.decode(), done, total) if progress else None
        )
    )
    options.progress = c.Progress(told)
    result = c.QuantizeResult()
    guard.call(
        "qoptQuantize",
        _encode(model),
        _encode(output),
        ctypes.byref(options),
        ctypes.byref(result),
    )
    return QuantizeResult(
        result.bytes, result.bytes_before, result.bits_per_weight, result.seconds
    )


class Model:
    """A model that can be evaluated and run. Used by one thread at a time."""

    def __init__(
        self, path: Path, *, threads: int = 0, engine: str = "auto"
    ) -> None:
        """Opens a model.

        threads  0 for one per processor
        engine   "compiled", "interpreter", or "auto" (compiled where it can be)
        """
        self._handle: Optional[int] = None
        options = c.OpenOptions(threads, engine.encode())
        handle = ctypes.c_void_p()
        _call(
            "qoptModelOpen",
            _encode(path),
            ctypes.byref(options),
            ctypes.byref(handle),
        )
        self._handle = handle.value

    def close(self) -> None:
        """Frees the model. Nothing else may be called after it."""
        if self._handle is not None:
            c.library.qoptModelClose(self._handle)
            self._handle = None

    def __enter__(self) -> "Model":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def _open(self) -> int:
        if self._handle is None:
            raise UsageError("the model is closed")
        return self._handle

    @property
    def vocabulary_size(self) -> int:
        return c.library.qoptModelVocabularySize(self._open())

    @property
    def context_length(self) -> int:
        """Tokens that the model was made for, 0 if it does not say."""
        return c.library.qoptModelContextLength(self._open())

    def evaluate(
        self,
        text: str,
        *,
        reference: Optional["Model"] = None,
        context: int = 0,
        windows: int = 0,
    ) -> Evaluation:
        """Perplexity on a text, in windows of `context` tokens (0: 256, or what
        the model has) of which the first `windows` count (0: all), and the
        divergence from `reference`."""
        result = c.Evaluation()
        _call(
            "qoptModelEvaluate",
            self._open(),
            text.encode(),
            None if reference is None else reference._open(),
            context,
            windows,
            ctypes.byref(result),
        )
        divergence = (
            (result.kl_mean, result.kl_p99, result.top1)
            if result.has_divergence
            else (None, None, None)
        )
        return Evaluation(result.tokens, result.nll, result.perplexity, *divergence)

    def generate(
        self,
        prompt: str,
        *,
        count: int = 128,
        temperature: float = 0.0,
        top_p: float = 1.0,
        seed: int = 0,
        on_text: Optional[Callable[[str], Optional[bool]]] = None,
    ) -> str:
        """The continuation of a prompt by up to `count` tokens. `on_text` gets
        its pieces as they come; False ends it."""
        pieces: list[str] = []
        guard = _Guard()

        def take(text: int, size: int, data) -> Optional[bool]:
            pieces.append(ctypes.string_at(text, size).decode(errors="replace"))
            return on_text(pieces[-1]) if on_text else None

        guard.call(
            "qoptModelGenerate",
            self._open(),
            prompt.encode(),
            count,
            ctypes.byref(c.Sampling(temperature, top_p, seed)),
            c.OnText(guard.wrap(take)),
            None,
            None,
        )
        return "".join(pieces)


def evaluate(
    model: Path,
    text: str,
    *,
    against: Optional[Path] = None,
    context: int = 0,
    windows: int = 0,
    threads: int = 0,
) -> Evaluation:
    """Opens a model, and perhaps one to compare with, and evaluates it."""
    engine = "interpreter"  # the reference arithmetic, as in `qopt eval`
    with Model(model, threads=threads, engine=engine) as opened:
        if against is None:
            return opened.evaluate(text, context=context, windows=windows)
        with Model(against, threads=threads, engine=engine) as reference:
            return opened.evaluate(
                text, reference=reference, context=context, windows=windows
            )


def generate(model: Path, prompt: str, *, threads: int = 0, **options) -> str:
    """Opens a model and continues a prompt; `options` as Model.generate."""
    with Model(model, threads=threads) as opened:
        return opened.generate(prompt, **options)
