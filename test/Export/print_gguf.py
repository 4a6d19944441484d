"""Prints keys and first rows of a GGUF file: print_gguf.py FILE NAME..."""

import sys

from check_gguf import Gguf

gguf = Gguf(sys.argv[1])
for name in sys.argv[2:]:
    content = gguf.row(name, 0) if name in gguf.tensors else gguf.keys.get(name)
    print(name, list(content) if isinstance(content, tuple) else content)
