"""Writes GGUF files. Standard library only; shares nothing with the program under test."""

import math
import struct

VALUE_TYPES = {
    "u8": (0, "B"),
    "u32": (4, "I"),
    "i32": (5, "i"),
    "f32": (6, "f"),
    "bool": (7, "?"),
    "u64": (10, "Q"),
    "i64": (11, "q"),
    "f64": (12, "d"),
}
TENSOR_TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q8_0": 8, "BF16": 30}
ALIGNMENT = 32


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def element(kind, value):
    return text(value) if kind == "str" else struct.pack("<" + VALUE_TYPES[kind][1], value)


def type_id(kind):
    return 8 if kind == "str" else VALUE_TYPES[kind][0]


def value_bytes(kind, value):
    """`kind` is a name of VALUE_TYPES, "str", or one of them in brackets."""
    if not kind.startswith("["):
        return struct.pack("<I", type_id(kind)) + element(kind, value)
    kind = kind[1:-1]
    head = struct.pack("<IIQ", 9, type_id(kind), len(value))
    return head + b"".join(element(kind, item) for item in value)


def pad(data):
    return data + b"\0" * (-len(data) % ALIGNMENT)


def file_bytes(keys, tensors):
    """keys: {name: (kind, value)}; tensors: {name: (type, PyTorch shape, data)}."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
    for name, (kind, value) in keys.items():
        head += text(name) + value_bytes(kind, value)
    offset = 0
    for name, (kind, shape, data) in tensors.items():
        head += text(name) + struct.pack("<I", len(shape))
        head += struct.pack(f"<{len(shape)}Q", *reversed(shape))
        head += struct.pack("<IQ", TENSOR_TYPES[kind], offset)
        offset += len(pad(data))
    return pad(head) + b"".join(pad(data) for _, _, data in tensors.values())


# --- blocks -----------------------------------------------------------------


def half(value):
    return struct.unpack("<e", struct.pack("<e", value))[0]


def blocks(values):
    for i in range(0, len(values), 32):
        yield values[i : i + 32]


def encode(values, kind):
    """Bytes of a type; any valid blocks near the values, not the reference's."""
    if kind == "F32":
        return struct.pack(f"<{len(values)}f", *values)
    if kind == "F16":
        return struct.pack(f"<{len(values)}e", *values)
    if kind == "BF16":
        return b"".join(struct.pack("<f", value)[2:] for value in values)
    data, most = b"", 127 if kind == "Q8_0" else 7
    for block in blocks(values):
        scale = half(max(abs(v) for v in block) / most) or 1.0
        codes = [max(-most, min(most, round(v / scale))) for v in block]
        data += struct.pack("<e", scale)
        if kind == "Q8_0":
            data += struct.pack("<32b", *codes)
        else:
            data += bytes(codes[j] + 8 | codes[j + 16] + 8 << 4 for j in range(16))
    return data


def decode(data, kind):
    if kind == "F32":
        return list(struct.unpack(f"<{len(data) // 4}f", data))
    if kind == "F16":
        return list(struct.unpack(f"<{len(data) // 2}e", data))
    if kind == "BF16":
        return [
            struct.unpack("<f", b"\0\0" + data[i : i + 2])[0]
            for i in range(0, len(data), 2)
        ]
    values, size = [], 34 if kind == "Q8_0" else 18
    for i in range(0, len(data), size):
        (scale,) = struct.unpack("<e", data[i : i + 2])
        body = data[i + 2 : i + size]
        if kind == "Q8_0":
            codes = struct.unpack("<32b", body)
        else:
            codes = [(b & 15) - 8 for b in body] + [(b >> 4) - 8 for b in body]
        values += [scale * code for code in codes]
    return values


def llama3_factors(theta, head_dim, factor, context, low=1.0, high=4.0):
    """rope_freqs.weight, by the definition in terms of wavelengths."""
    result = []
    for i in range(head_dim // 2):
        wavelength = 2 * math.pi * theta ** (2 * i / head_dim)
        if wavelength < context / high:
            result.append(1.0)
        elif wavelength > context / low:
            result.append(factor)
        else:
            smooth = (context / wavelength - low) / (high - low)
            result.append(1 / ((1 - smooth) / factor + smooth))
    return result
