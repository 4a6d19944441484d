"""Compares what other programs compute with what qopt's tests expect of each family.

    python -m venv v && v/bin/pip install torch transformers xllamacpp
    v/bin/python benchmarks/architectures.py [QOPT]

Random tiny checkpoints of every family come from test/Import/Inputs/tiny_model.py,
whose logits the tests hold qopt to. transformers reads the checkpoint; llama.cpp
(in the package xllamacpp) reads the GGUF file that QOPT (build/bin/qopt) exports
from it. A package that is missing is left out. Prints a table.
"""

import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "test", "Import", "Inputs"))
sys.path.insert(0, os.path.join(ROOT, "benchmarks"))
sys.dont_write_bytecode = True
import tiny_model
import tool

QOPT = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build/bin/qopt")
# What llama.cpp leaves out in these architectures: it sees all positions.
UNWINDOWED = ("mistral", "mixtral", "phi3")


def load(directory, name):
    with open(os.path.join(directory, name)) as file:
        return json.load(file)


def spell_for_transformers(directory):
    """transformers 5 wants what it calls longrope, and its context, in one place."""
    config = load(directory, "config.json")
    config.pop("auto_map", None)
    scaling = config.get("rope_scaling")
    if scaling and "short_factor" in scaling:
        scaling.update(rope_type="longrope", type="longrope")
        key = "original_max_position_embeddings"
        scaling[key] = config[key]
    with open(os.path.join(directory, "config.json"), "w") as file:
        json.dump(config, file)


def compare_transformers(directory):
    """Largest difference of a logit over the largest logit."""
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    spell_for_transformers(directory)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        directory, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    tokens = torch.tensor([load(directory, "tokens.json")])
    with torch.no_grad():
        actual = model(tokens, use_cache=False).logits[0].double()
    expected = torch.tensor(load(directory, "logits.json"), dtype=torch.double)
    return f"{((actual - expected).abs().max() / expected.abs().max()).item():.1e}"


def next_tokens(server, prompt, count):
    """Token ids and log-probabilities of what may follow."""
    request = {"prompt": prompt, "n_predict": 1, "n_probs": count, "cache_prompt": False,
               "samplers": []}
    for _ in range(50):  # nothing is told of the distribution if it drew the end
        answer = server.handle_completions(request)
        told = answer["choices"][0]["logprobs"]
        if told:
            return told["content"][0]["top_logprobs"]
    raise RuntimeError("llama.cpp gives no probabilities")


def open_in_llama_cpp(gguf):
    """A server with the model, on one thread, caches in f32."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = gguf
    params.n_ctx, params.n_predict, params.n_parallel = 256, 1, 1
    params.warmup = params.fit_params = False
    params.verbosity = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    kinds = xllamacpp.llama_flash_attn_type
    params.flash_attn_type = kinds.LLAMA_FLASH_ATTN_TYPE_DISABLED
    return xllamacpp.Server(params)


def largest_difference(server, tokens, logits):
    """Of the log-probability of a next token, over all prefixes."""
    largest = 0.0
    for n in range(1, len(tokens) + 1):
        row, top = logits[n - 1], max(logits[n - 1])
        total = top + math.log(math.fsum(math.exp(v - top) for v in row))
        for entry in next_tokens(server, tokens[:n], len(row)):
            largest = max(largest, abs(entry["logprob"] - (row[entry["id"]] - total)))
    return largest


def compare_llama_cpp(directory):
    """Largest difference of the log-probability of a next token, over all prefixes."""
    tokenizer = os.path.join(ROOT, "test/Export/Inputs/tiny_tokenizer.py")
    subprocess.run([sys.executable, tokenizer, f"{directory}/tokenizer.json"], check=True)
    gguf = directory + ".gguf"
    command = [QOPT, "export", directory, "-o", gguf, "--type", "f32"]
    exported = subprocess.run(command, capture_output=True, text=True)
    if exported.returncode != 0:
        reason = exported.stderr.strip().splitlines()[-1].split("error: ")[-1]
        return "not exported: " + reason.split(", which a GGUF")[0]
    config, tokens = load(directory, "config.json"), load(directory, "tokens.json")
    count = len(tokens)
    if config["model_type"] in UNWINDOWED and config.get("sliding_window"):
        count = min(count, config["sliding_window"])
    server = open_in_llama_cpp(gguf)
    largest = largest_difference(server, tokens[:count], load(directory, "logits.json"))
    return f"{largest:.1e} ({count} prefixes)"


def attempt(compare, directory):
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return compare(directory)
    except ImportError:
        return "–"


def main():
    tool.require(QOPT)
    print("| family | transformers | llama.cpp |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as root:
        for i, name in enumerate(tiny_model.FAMILIES):
            if name == "llama-pieces":
                continue  # llama with another vocabulary
            # llama.cpp looks for names of families in the name of a model.
            directory = os.path.join(root, f"model-{i}")
            tiny_model.main(name, directory)
            llama_cpp = attempt(compare_llama_cpp, directory)
            print(f"| {name} | {attempt(compare_transformers, directory)} | {llama_cpp} |", flush=True)


if __name__ == "__main__":
    main()
