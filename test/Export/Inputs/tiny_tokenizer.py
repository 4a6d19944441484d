"""tiny_tokenizer.py OUT: tokenizer.json with 64 tokens, for a model of tiny_model.py."""

import json
import sys

tokens = ["<unk>", "<s>", "</s>"] + [chr(c) for c in range(33, 91)] + ["AB", "CD", "ABCD"]
special = [
    {"id": i, "content": tokens[i], "special": True, "single_word": False,
     "lstrip": False, "rstrip": False, "normalized": False}
    for i in range(3)
]
byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
with open(sys.argv[1], "w") as file:
    json.dump(
        {
            "version": "1.0",
            "added_tokens": special,
            "pre_tokenizer": byte_level,
            "decoder": byte_level,
            "model": {
                "type": "BPE",
                "vocab": {token: i for i, token in enumerate(tokens)},
                "merges": ["A B", "C D", "AB CD"],
            },
        },
        file,
    )
