"""Every tensor and key of an exported checkpoint, decoded by the rules of the
format and compared with the archive of the module that it was made from.

    check_checkpoint.py ORIGINAL ARCHIVE CHECKPOINT FORMAT BITS GROUP sym|asym [v1|v2]

ORIGINAL is the float checkpoint, ARCHIVE what `qopt quantize -o M.mlir` wrote.
"""
import json
import math
import os
import struct
import sys


class Safetensors:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.bytes = file.read()
        (length,) = struct.unpack_from("<Q", self.bytes)
        self.entries = json.loads(self.bytes[8 : 8 + length])
        self.metadata = self.entries.pop("__metadata__", {})
        self.start = 8 + length

    def raw(self, name):
        begin, end = self.entries[name]["data_offsets"]
        return self.bytes[self.start + begin : self.start + end]

    def shape(self, name):
        return self.entries[name]["shape"]

    def dtype(self, name):
        return self.entries[name]["dtype"]


class Checkpoint:
    """One file, or shards behind an index."""

    def __init__(self, directory):
        index = os.path.join(directory, "model.safetensors.index.json")
        self.files = {}
        if os.path.exists(index):
            with open(index) as file:
                content = json.load(file)
            self.place = content["weight_map"]
            for name in set(self.place.values()):
                self.files[name] = Safetensors(os.path.join(directory, name))
            total = sum(len(self.raw(name)) for name in self.place)
            assert content["metadata"]["total_size"] == total
            for name, file in self.files.items():
                for tensor in file.entries:
                    assert self.place[tensor] == name, tensor
        else:
            file = Safetensors(os.path.join(directory, "model.safetensors"))
            self.files["model.safetensors"] = file
            self.place = {name: "model.safetensors" for name in file.entries}
        for file in self.files.values():
            assert file.metadata["format"] == "pt"

    def raw(self, name):
        return self.files[self.place[name]].raw(name)

    def shape(self, name):
        return self.files[self.place[name]].shape(name)

    def words(self, name):
        raw = self.raw(name)
        return struct.unpack(f"<{len(raw) // 4}I", raw)

    def halves(self, name):
        raw = self.raw(name)
        return struct.unpack(f"<{len(raw) // 2}H", raw)


def bits_of(words, stride, first, bits, count):
    """Codes from a stream of 32-bit words, low bits first."""
    stream = 0
    total = math.ceil(count * bits / 32)
    for i in range(total):
        stream |= words[first + i * stride] << (32 * i)
    mask = (1 << bits) - 1
    return [(stream >> (bits * i)) & mask for i in range(count)]


def transpose(matrix):
    return [list(row) for row in zip(*matrix)]


def rows_of(flat, columns):
    return [list(flat[i : i + columns]) for i in range(0, len(flat), columns)]


class Weight:
    """codes [N][K], scales [N][G] as f16 bits, zeros [N][G]."""

    def __init__(self, codes, scales, zeros):
        self.codes, self.scales, self.zeros = codes, scales, zeros


def from_gptq(file, module, rows, columns, bits, groups, version):
    words = file.words(module + ".qweight")
    codes = [bits_of(words, rows, n, bits, columns) for n in range(rows)]
    stored = file.words(module + ".qzeros")
    per_group = rows * bits // 32
    zeros = [bits_of(stored, 1, g * per_group, bits, rows) for g in range(groups)]
    add = 1 if version == "v1" else 0
    zeros = [[(z + add) % (1 << bits) for z in group] for group in zeros]
    scales = rows_of(file.halves(module + ".scales"), rows)
    index = file.words(module + ".g_idx")
    assert list(index) == [k // (columns // groups) for k in range(columns)]
    assert file.shape(module + ".qweight") == [columns * bits // 32, rows]
    assert file.shape(module + ".qzeros") == [groups, per_group]
    return Weight(codes, transpose(scales), transpose(zeros))


def unpack_awq(words, rows):
    """A row of words along N."""
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    result = [0] * rows
    for j, word in enumerate(words):
        for i in range(8):
            result[8 * j + order[i]] = (word >> (4 * i)) & 15
    return result


def from_awq(file, module, rows, columns, bits, groups, version):
    per_row = rows // 8
    words = rows_of(file.words(module + ".qweight"), per_row)
    codes = transpose([unpack_awq(row, rows) for row in words])
    words = rows_of(file.words(module + ".qzeros"), per_row)
    zeros = transpose([unpack_awq(row, rows) for row in words])
    scales = transpose(rows_of(file.halves(module + ".scales"), rows))
    assert file.shape(module + ".qweight") == [columns, per_row]
    return Weight(codes, scales, zeros)


def from_compressed(file, module, rows, columns, bits, groups, version):
    words = file.words(module + ".weight_packed")
    per_row = math.ceil(columns * bits / 32)
    codes = [bits_of(words, 1, n * per_row, bits, columns) for n in range(rows)]
    scales = rows_of(file.halves(module + ".weight_scale"), groups)
    if module + ".weight_zero_point" in file.place:
        words = file.words(module + ".weight_zero_point")
        zeros = transpose(
            [bits_of(words, groups, g, bits, rows) for g in range(groups)]
        )
    else:
        zeros = [[1 << (bits - 1)] * groups for _ in range(rows)]
    shape = struct.unpack("<2q", file.raw(module + ".weight_shape"))
    assert shape == (rows, columns), shape
    return Weight(codes, scales, zeros)


READERS = {"gptq": from_gptq, "awq": from_awq, "compressed-tensors": from_compressed}
SUFFIXES = {
    "gptq": {".qweight", ".qzeros", ".scales", ".g_idx"},
    "awq": {".qweight", ".qzeros", ".scales"},
    "compressed-tensors": {
        ".weight_packed",
        ".weight_scale",
        ".weight_zero_point",
        ".weight_shape",
    },
}
SYMBOLS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_o",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def from_archive(archive, symbol, rows, columns, bits, groups, symmetric):
    raw = archive.raw(symbol + ".codes")
    row_bytes = (columns * bits + 7) // 8
    mask = (1 << bits) - 1
    codes = []
    for n in range(rows):
        stream = int.from_bytes(raw[n * row_bytes : (n + 1) * row_bytes], "little")
        codes.append([(stream >> (bits * k)) & mask for k in range(columns)])
    raw = archive.raw(symbol + ".scales")
    scales = rows_of(struct.unpack(f"<{rows * groups}H", raw), groups)
    if symmetric:
        zeros = [[1 << (bits - 1)] * groups for _ in range(rows)]
    else:
        zeros = rows_of(archive.raw(symbol + ".zeros"), groups)
    return Weight(codes, scales, zeros)


def check_config(original, checkpoint, kind, bits, group, symmetric, version):
    def load(directory):
        with open(os.path.join(directory, "config.json")) as file:
            return json.load(file)

    before, after = load(original), load(checkpoint)
    config = after.pop("quantization_config")
    assert before == after, "config.json has changed"
    assert config["quant_method"] == kind
    if kind == "compressed-tensors":
        assert config["format"] == "pack-quantized"
        assert config["quantization_status"] == "compressed"
        assert config["ignore"] == ["lm_head"], config["ignore"]
        (only,) = config["config_groups"].values()
        assert only["targets"] == ["Linear"]
        weights = only["weights"]
        assert weights["num_bits"] == bits and weights["type"] == "int"
        assert weights["symmetric"] == symmetric
        assert (weights["strategy"], weights["group_size"]) == (
            ("channel", None) if group == -1 else ("group", group)
        )
        return
    assert config["bits"] == bits and config["group_size"] == group
    if kind == "awq":
        assert config["zero_point"] is True and config["version"] == "gemm"
        assert config["modules_to_not_convert"] is None
    else:
        assert config["sym"] == symmetric and config["desc_act"] is False
        assert config["lm_head"] is False and config["pack_dtype"] == "int32"
        assert config["checkpoint_format"] == (
            "gptq" if version == "v1" else "gptq_v2"
        )
        assert "dynamic" not in config


def main():
    original, archive, directory, kind, bits, group, grid = sys.argv[1:8]
    version = sys.argv[8] if len(sys.argv) > 8 else "v1"
    bits, group, symmetric = int(bits), int(group), grid == "sym"
    check_config(original, directory, kind, bits, group, symmetric, version)
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        with open(os.path.join(original, name), "rb") as a:
            with open(os.path.join(directory, name), "rb") as b:
                assert a.read() == b.read(), name

    floats = Safetensors(os.path.join(original, "model.safetensors"))
    archive = Safetensors(archive)
    file = Checkpoint(directory)
    expected, checked = set(), 0
    for name in floats.entries:
        parts = name.split(".")
        module = name.removesuffix(".weight")
        symbol = SYMBOLS.get(".".join(parts[3:5])) if parts[1] == "layers" else None
        if not symbol:
            expected.add(name)
            assert file.raw(name) == floats.raw(name), name
            assert file.shape(name) == floats.shape(name), name
            continue
        suffixes = set(SUFFIXES[kind])
        if symmetric:
            suffixes.discard(".weight_zero_point")
        expected |= {module + suffix for suffix in suffixes}
        # Decoding takes Python a while: the first and the last block.
        if parts[2] not in ("0", "5") or symbol not in ("attn_k", "ffn_down"):
            continue
        rows, columns = floats.shape(name)
        groups = 1 if group == -1 else columns // group
        found = READERS[kind](file, module, rows, columns, bits, groups, version)
        wanted = from_archive(
            archive, f"l{parts[2]}.{symbol}", rows, columns, bits, groups, symmetric
        )
        assert found.codes == wanted.codes, name
        assert found.scales == wanted.scales, name
        assert [list(z) for z in found.zeros] == [list(z) for z in wanted.zeros], name
        checked += 1
    assert checked == 4, checked
    assert set(file.place) == expected, set(file.place) ^ expected
    print("as expected")


main()
