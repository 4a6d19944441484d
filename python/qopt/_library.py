"""libqopt-c.so: where it is, and what include/qopt-c/Model.h declares."""
from __future__ import annotations

import ctypes
import os
import pathlib
from ctypes import POINTER, Structure, c_bool, c_char_p, c_double, c_int, c_int64
from ctypes import c_size_t, c_uint64, c_void_p

Progress = ctypes.CFUNCTYPE(c_bool, c_char_p, c_int64, c_int64, c_void_p)
OnText = ctypes.CFUNCTYPE(c_bool, c_void_p, c_size_t, c_void_p)


class QuantizeOptions(Structure):
    _fields_ = [
        ("method", c_char_p),
        ("format", c_char_p),
        ("type", c_char_p),
        ("group", c_int64),
        ("symmetric", c_int),
        ("calibration", c_char_p),
        ("samples", c_int64),
        ("context", c_int64),
        ("threads", c_int64),
        ("overwrite", c_bool),
        ("flags", POINTER(c_char_p)),
        ("flag_count", c_size_t),
        ("progress", Progress),
        ("progress_data", c_void_p),
    ]


class QuantizeResult(Structure):
    _fields_ = [
        ("bytes", c_int64),
        ("bytes_before", c_int64),
        ("bits_per_weight", c_double),
        ("seconds", c_double),
    ]


class OpenOptions(Structure):
    _fields_ = [("threads", c_int64), ("engine", c_char_p)]


class Evaluation(Structure):
    _fields_ = [
        ("tokens", c_int64),
        ("nll", c_double),
        ("perplexity", c_double),
        ("has_divergence", c_bool),
        ("kl_mean", c_double),
        ("kl_p99", c_double),
        ("top1", c_double),
    ]


class Sampling(Structure):
    _fields_ = [("temperature", c_double), ("top_p", c_double), ("seed", c_uint64)]


def _candidates() -> list[str]:
    if named := os.environ.get("QOPT_LIBRARY"):
        return [named]
    here = pathlib.Path(__file__).resolve()
    # <prefix>/lib/python3/dist-packages/qopt, or python/qopt of the sources.
    folders = [here.parents[3], here.parents[2] / "build" / "lib"]
    return [str(folder / "libqopt-c.so.0") for folder in folders] + ["libqopt-c.so.0"]


def _load() -> ctypes.CDLL:
    reasons = []
    for name in _candidates():
        try:
            return ctypes.CDLL(name)
        except OSError as reason:
            reasons.append(str(reason))
    raise ImportError(
        "libqopt-c.so.0 cannot be loaded; QOPT_LIBRARY can name it: "
        + "; ".join(reasons)
    )


library = _load()


def _declare(name: str, result, *arguments) -> None:
    function = getattr(library, name)
    function.restype = result
    function.argtypes = arguments


_error = POINTER(c_void_p)
_declare("qoptVersion", c_char_p)
_declare("qoptFree", None, c_void_p)
_declare("qoptQuantizeOptionsInit", None, POINTER(QuantizeOptions))
_declare(
    "qoptQuantize",
    c_int,
    c_char_p,
    c_char_p,
    POINTER(QuantizeOptions),
    POINTER(QuantizeResult),
    _error,
)
_declare(
    "qoptModelOpen", c_int, c_char_p, POINTER(OpenOptions), POINTER(c_void_p), _error
)
_declare("qoptModelClose", None, c_void_p)
_declare("qoptModelVocabularySize", c_int64, c_void_p)
_declare("qoptModelContextLength", c_int64, c_void_p)
_declare(
    "qoptModelEvaluate",
    c_int,
    c_void_p,
    c_char_p,
    c_void_p,
    c_int64,
    c_int64,
    POINTER(Evaluation),
    _error,
)
_declare(
    "qoptModelGenerate",
    c_int,
    c_void_p,
    c_char_p,
    c_int64,
    POINTER(Sampling),
    OnText,
    c_void_p,
    POINTER(c_int64),
    _error,
)
