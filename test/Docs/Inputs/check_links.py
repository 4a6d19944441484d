"""Every relative link and every quoted path of the documents leads somewhere.

usage: check_links.py SOURCE
"""
import pathlib
import re
import sys

source = pathlib.Path(sys.argv[1])
documents = [source / "README.md", source / "CONTRIBUTING.md", *(source / "docs").glob("*.md")]
folders = "benchmarks|cmake|docs|include|lib|models|python|runtime|scripts|test|tools"
broken = []
for document in documents:
    text = document.read_text()
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target and not (document.parent / target).exists():
            broken.append(f"{document.name}: link to {target}")
    for path in re.findall(rf"`((?:{folders})/[\w./-]+)`", text):
        if not (source / path.rstrip("/.")).exists():
            broken.append(f"{document.name}: `{path}`")
print(f"{len(documents)} documents")
if broken:
    sys.exit("\n".join(broken))
