"""Compares what llama.cpp computes from a GGUF file of each type with what qopt does.

    python -m venv v && v/bin/pip install xllamacpp
    v/bin/python benchmarks/gguf_types.py [QOPT]

Every matrix of models/novella-7m gets the type, or the file is one of
llama-quantize's mixes; then, as in architectures.py, the largest difference of
the log-probability of a next token is taken over all tokens and prefixes of a
text. llama.cpp rounds activations to 8 bits where weights are quantized.
"""

import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import architectures
import tool

TYPES = (
    "f32 f16 bf16 q8_0 q6_k q5_k q5_1 q5_0 q4_k q4_1 q4_0 iq4_nl iq4_xs mxfp4 q3_k q2_k tq2_0 tq1_0"
)
MIXES = "q2_k q3_k_s q3_k_m q3_k_l iq4_xs q4_0 q4_k_s q4_k_m q5_0 q5_k_s q5_k_m q6_k q8_0"
MODEL = os.path.join(architectures.ROOT, "models/novella-7m")
TOKENS = [4094, 44, 280, 389, 44, 374, 73, 499, 1129, 322, 477, 258]  # of Holmes


def main():
    qopt = architectures.QOPT
    print("| type | alone | as a mix |\n|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as root:
        tokens, logits = f"{root}/tokens.json", f"{root}/logits.json"
        with open(tokens, "w") as file:
            json.dump(TOKENS, file)

        def compare(type_, *flags):
            gguf = f"{root}/model.gguf"
            command = [qopt, "quantize", MODEL, "-o", gguf, "--overwrite", "--format", "gguf"]
            command += ["--method", "rtn", "--type", type_, *flags]
            tool.run(*command)
            command = [qopt, "eval", gguf, "--tokens", tokens, "--dump-logits", logits]
            tool.run(*command)
            server = architectures.open_in_llama_cpp(gguf)
            with open(logits) as file:
                expected = json.load(file)
            return f"{architectures.largest_difference(server, TOKENS, expected):.1e}"

        for type_ in dict.fromkeys((TYPES + " " + MIXES).split()):
            alone = compare(type_, "--pure") if type_ in TYPES.split() else ""
            mix = compare(type_) if type_ in MIXES.split() else ""
            print(f"| {type_} | {alone} | {mix} |", flush=True)


if __name__ == "__main__":
    main()
