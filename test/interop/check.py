"""Compares the checkpoints that qopt exports with what the packages of their
formats pack and load.

    check.py QOPT MODEL WORK

Packers: the codes, scales and zero points in the archive of a module go through
the package's own packer; every byte must be as in the exported file. Loaders: the
package loads the exported directory; the mean NLL of one window of text must be
that of qopt. Prints one line of a Markdown table for each comparison, and exits
with 1 if one fails. What is not installed is said, not counted.
"""
import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
import types

import numpy
import torch
from safetensors.torch import load_file

qopt, model, work = sys.argv[1:]
text = os.path.join(model, "sample.txt")
failures = 0


def say(package, what, result):
    print(f"| {package} | {what} | {result} |", flush=True)


def judge(package, what, good, detail):
    global failures
    failures += not good
    say(package, what, detail if good else f"**differs**: {detail}")


def version(name):
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as find

    try:
        return f"{name} {find(name)}"
    except PackageNotFoundError:
        return None


def run(*arguments):
    command = [qopt, *arguments]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(command)}: {result.stderr}")
    return result.stdout


# ---------------------------------------------------------------------------
# What qopt has found
# ---------------------------------------------------------------------------


class Recipe:
    """A module with its archive, and the checkpoints that are made from it."""

    def __init__(self, bits, group, symmetric):
        self.bits, self.group, self.symmetric = bits, group, symmetric
        self.name = f"int{bits}-g{group}-{'sym' if symmetric else 'asym'}"
        self.module = os.path.join(work, self.name + ".mlir")
        run("quantize", model, "-o", self.module, "--method", "rtn",
            "--type", f"int{bits}", "--group", str(group),
            "--symmetric" if symmetric else "--asymmetric", "--overwrite")
        self.archive = load_file(os.path.join(work, self.name + ".weights.safetensors"))

    def export(self, kind, *flags):
        directory = os.path.join(work, "-".join([self.name, kind, *flags[1:]]))
        run("export", self.module, "-o", directory, "--format", kind, "--overwrite", *flags)
        return directory

    def weight(self, symbol, columns):
        """codes [N, K], scales [N, G] f16, zeros [N, G]"""
        packed = self.archive[symbol + ".codes"].numpy()
        stream = numpy.unpackbits(packed, axis=1, bitorder="little")
        fields = stream[:, : columns * self.bits].reshape(len(packed), columns, self.bits)
        codes = (fields.astype(numpy.int32) << numpy.arange(self.bits)).sum(axis=2)
        scales = self.archive[symbol + ".scales"]
        zeros = (
            torch.full(scales.shape, 1 << (self.bits - 1), dtype=torch.int32)
            if self.symmetric
            else self.archive[symbol + ".zeros"].to(torch.int32)
        )
        return torch.from_numpy(codes), scales, zeros


LINEARS = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_o",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}


def each_linear():
    with open(os.path.join(model, "config.json")) as file:
        config = json.load(file)
    for layer in range(config["num_hidden_layers"]):
        for name, symbol in LINEARS.items():
            columns = config["intermediate_size" if "down" in name else "hidden_size"]
            if "o_proj" in name:
                columns = config["num_attention_heads"] * config["head_dim"]
            yield f"model.layers.{layer}.{name}", f"l{layer}.{symbol}", columns


def compare(recipe, directory, pack):
    """The tensors that differ, and how many were compared."""
    file = load_file(os.path.join(directory, "model.safetensors"))
    different, count = [], 0
    for module, symbol, columns in each_linear():
        for suffix, expected in pack(*recipe.weight(symbol, columns)).items():
            count += 1
            found = file[f"{module}.{suffix}"]
            if found.dtype != expected.dtype or not torch.equal(found, expected):
                different.append(f"{module}.{suffix}")
    return different, count


def check_packer(package, recipe, directory, pack):
    different, count = compare(recipe, directory, pack)
    what = f"packer, {recipe.name}, {os.path.basename(directory).removeprefix(recipe.name + '-')}"
    judge(package, what, not different,
          f"{count} tensors, all bytes equal" if not different else ", ".join(different[:3]))


# ---------------------------------------------------------------------------
# Packers
# ---------------------------------------------------------------------------


def real_weight(codes, scales, zeros, group):
    """What packers start from, exact in f32, and its scales and zero points."""
    scales, zeros = scales.float(), zeros.float()
    wide = lambda t: t.repeat_interleave(group, dim=1)
    return wide(scales) * (codes.float() - wide(zeros)), scales, zeros


def compressed_tensors_packer(recipe):
    helpers = importlib.import_module("compressed_tensors.compressors.pack_quantized.helpers")
    offset = 1 << (recipe.bits - 1)

    def pack(codes, scales, zeros):
        signed = lambda t: (t - offset).to(torch.int8)
        result = {
            "weight_packed": helpers.pack_to_int32(signed(codes), recipe.bits),
            "weight_scale": scales,
            "weight_shape": torch.tensor(codes.shape),
        }
        if not recipe.symmetric:
            result["weight_zero_point"] = helpers.pack_to_int32(
                signed(zeros), recipe.bits, packed_dim=0).contiguous()
        return result

    return pack


def check_unpacker(package, recipe, directory):
    """The package's decompressor gives s (q - z), for every weight."""
    from compressed_tensors.compressors.pack_quantized.base import PackedQuantizationCompressor
    from compressed_tensors.quantization import QuantizationScheme

    with open(os.path.join(directory, "config.json")) as file:
        groups = json.load(file)["quantization_config"]["config_groups"]
    scheme = QuantizationScheme(**groups["group_0"])
    file = load_file(os.path.join(directory, "model.safetensors"))
    different, count = [], 0
    for module, symbol, columns in each_linear():
        state = {name.rsplit(".", 1)[1]: tensor for name, tensor in file.items()
                 if name.rsplit(".", 1)[0] == module}
        state["weight_scale"] = state["weight_scale"].float()
        found = PackedQuantizationCompressor.decompress(state, scheme)["weight"]
        expected, _, _ = real_weight(*recipe.weight(symbol, columns), recipe.group)
        count += 1
        if not torch.equal(found.float(), expected):
            different.append(module)
    judge(package, f"unpacker, {recipe.name}", not different,
          f"{count} weights, all numbers equal" if not different else ", ".join(different[:3]))


def gptq_packer(recipe):
    """GPTQModel's kernel for plain PyTorch, its packer in Python."""
    from gptqmodel.nn_modules.qlinear.torch import TorchLinear

    def pack(codes, scales, zeros):
        weight, scales, zeros = real_weight(codes, scales, zeros, recipe.group)
        rows, columns = weight.shape
        linear = torch.nn.Linear(columns, rows, bias=False)
        linear.weight.data = weight
        layer = TorchLinear(bits=recipe.bits, group_size=recipe.group, sym=recipe.symmetric,
                            desc_act=False, in_features=columns, out_features=rows,
                            bias=False, pack_dtype=torch.int32, register_buffers=False)
        groups = (torch.arange(columns) // recipe.group).to(torch.int32)
        layer.pack_original(linear, scales, zeros, groups)
        return {name: getattr(layer, name) for name in ("qweight", "qzeros", "scales", "g_idx")}

    return pack


def awq_packer(recipe):
    """AutoAWQ is no longer maintained, and the rest of it does not import beside
    today's transformers; its packer needs nothing of that."""
    place = importlib.util.find_spec("awq").submodule_search_locations[0]
    for name in ("awq", "awq.utils", "awq.modules", "awq.modules.linear"):
        package = types.ModuleType(name)
        package.__path__ = [os.path.join(place, *name.split(".")[1:])]
        sys.modules[name] = package
    from awq.modules.linear.gemm import WQLinear_GEMM

    def pack(codes, scales, zeros):
        weight, scales, zeros = real_weight(codes, scales, zeros, recipe.group)
        linear = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        linear.weight.data = weight
        layer = WQLinear_GEMM.from_linear(linear, recipe.bits, recipe.group,
                                          scales=scales.t().contiguous(),
                                          zeros=zeros.t().contiguous())
        return {name: getattr(layer, name) for name in ("qweight", "qzeros", "scales")}

    return pack


# ---------------------------------------------------------------------------
# Loaders
# ---------------------------------------------------------------------------


def own_nll(directory):
    out = run("eval", directory, "--text", text, "--windows", "1", "--json")
    return json.loads(out)["nll"]


def first_window(directory):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(directory)
    with open(text) as file:
        ids = tokenizer(file.read(), add_special_tokens=False)["input_ids"]
    return torch.tensor([[tokenizer.bos_token_id, *ids][:256]])


def nll_of(logits, tokens):
    return torch.nn.functional.cross_entropy(logits[0, :-1].float(), tokens[0, 1:]).item()


def check_loader(package, directory, load, tolerance):
    what = f"loader, {os.path.basename(directory)}"
    tokens = first_window(directory)
    with torch.inference_mode(), contextlib.redirect_stdout(io.StringIO()):
        theirs = nll_of(load(directory)(input_ids=tokens).logits, tokens)
    ours = own_nll(directory)
    judge(package, what, abs(theirs - ours) <= tolerance,
          f"NLL {theirs:.5f}, qopt {ours:.5f}")


def load_transformers(directory):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)


def load_gptqmodel(directory):
    from gptqmodel import BACKEND, GPTQModel

    backend = BACKEND.GPTQ_TORCH if "-gptq" in directory else BACKEND.AWQ_TORCH
    return GPTQModel.load(directory, backend=backend, device="cpu", dtype=torch.float16)


# ---------------------------------------------------------------------------


def attempt(package, what, check):
    try:
        check()
    except Exception as error:  # of any package, of any kind
        judge(package, what, False, f"{type(error).__name__}: {str(error).splitlines()[0][:120]}")


def main():
    print("| package | what | result |\n|---|---|---|")
    recipes = [Recipe(4, 64, True), Recipe(4, 64, False), Recipe(3, 32, False),
               Recipe(8, 128, True)]
    name = version("compressed-tensors")
    for recipe in recipes if name else []:
        directory = recipe.export("compressed-tensors")
        attempt(name, f"packer, {recipe.name}", lambda: check_packer(
            name, recipe, directory, compressed_tensors_packer(recipe)))
        attempt(name, f"unpacker, {recipe.name}", lambda: check_unpacker(
            name, recipe, directory))
        # The model that this loader builds expects zero points that are not
        # packed, unlike what its own compressor writes.
        both = f"{version('transformers')} + {name}"
        if recipe.symmetric:
            attempt(both, f"loader, {recipe.name}", lambda: check_loader(
                both, directory, load_transformers, 2e-4))

    name = version("gptqmodel")
    if name:
        with contextlib.redirect_stdout(sys.stderr):  # it greets
            importlib.import_module("gptqmodel")
    for recipe in recipes if name else []:
        # pack_original writes zero points as they are.
        as_they_are = recipe.export("gptq", "--gptq-zeros", "v2")
        attempt(name, f"packer, {recipe.name}", lambda: check_packer(
            name, recipe, as_they_are, gptq_packer(recipe)))
        # With zero points, version 1 is read from GPTQModel itself only.
        less_one = [recipe.export("gptq", "--gptq-zeros", "v1")] if recipe.symmetric else []
        for each in [as_they_are, *less_one]:
            attempt(name, f"loader, {os.path.basename(each)}", lambda: check_loader(
                name, each, load_gptqmodel, 5e-3))

    awq = recipes[1].export("awq")
    if name:
        attempt(name, "loader, awq", lambda: check_loader(name, awq, load_gptqmodel, 5e-3))
    name = version("autoawq")
    if name:
        attempt(name, "packer, awq", lambda: check_packer(
            name, recipes[1], awq, awq_packer(recipes[1])))

    for package in ("compressed-tensors", "gptqmodel", "autoawq"):
        if not version(package):
            say(package, "-", "not installed: not compared")
    sys.exit(1 if failures else 0)


main()
