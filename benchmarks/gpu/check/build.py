"""Makes the harness and the cubins, and keeps them."""
import concurrent.futures
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from .machine import Toolkit
from .report import fail, say


def cache_directory():
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(cache) / "qopt-gpu-check"


def run_all(commands):
    """Runs commands side by side; those that fail, with what they print."""
    def run(command):
        return subprocess.run(command, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(run, commands))


def digest(parts):
    """A name for what is made from these files and words."""
    result = hashlib.sha256()
    for part in parts:
        result.update(part.read_bytes() if isinstance(part, Path) else part.encode())
        result.update(b"\0")
    return result.hexdigest()[:16]


def assembler_problems(report):
    """What slows a kernel down, of what ptxas -v says: entry, sentence."""
    for text, entry in re.findall(r"Potential Performance Loss: (.*?) (?:for|in) the function '(\w+)'", report):
        yield entry.rpartition("_")[2], text
    entry = ""
    for line in report.splitlines():
        named = re.search(r"Function properties for (\w+)", line)
        entry = named[1].rpartition("_")[2] if named else entry
        if re.search(r"[1-9]\d* bytes (stack|spill)", line):
            yield entry, line.strip()


class Builder:
    """Makes programs and cubins, and keeps them in a cache under the digest of
    what they are made from. BUNDLE/built may hold them already (--build-only)."""

    def __init__(self, bundle, capability, cache):
        self.bundle, self.capability, self.cache = bundle, capability, cache
        self.cache.mkdir(parents=True, exist_ok=True)
        self.tools, self.used = None, []

    def toolkit(self):
        self.tools = self.tools or Toolkit()
        return self.tools

    def unpack(self, path):
        """The file itself if it is not compressed, or where it is unpacked."""
        if path.suffix != ".gz":
            return path
        target = self.cache / (digest([path]) + path.with_suffix("").suffix)
        if not target.exists():
            # Another check may do the same at the same time.
            with tempfile.NamedTemporaryFile(dir=self.cache, delete=False) as file:
                file.write(gzip.decompress(path.read_bytes()))
            os.replace(file.name, target)
        return target

    def find(self, name):
        """Where the file is, or should be made."""
        ready = self.bundle / "built" / name
        self.used.append(ready if ready.exists() else self.cache / name)
        return self.used[-1]

    def put_into_bundle(self):
        """Everything that was found or made since."""
        (self.bundle / "built").mkdir(exist_ok=True)
        for path in self.used:
            if path.parent == self.cache and path.exists():
                shutil.copy2(path, self.bundle / "built")

    def worker(self):
        """The program harness/Worker.cpp, from all sources of the bundle."""
        headers = sorted(self.bundle.glob("*/**/*.h"))
        units = [self.bundle / "harness/Kernels.cu", *sorted(self.bundle.glob("harness/*.cpp")),
                 *sorted(self.bundle.glob("runtime/lib/*.cpp"))]
        target = self.find("worker-" + digest([*headers, *units, str(self.capability)]))
        if target.exists():
            target.chmod(0o755)
            return target
        tools = self.toolkit()
        flags = ["-O2", f"-I{self.bundle}/runtime/include", f"-I{self.bundle}/runtime/lib",
                 *[f"-I{path}" for path in sorted(tools.includes)]]
        with tempfile.TemporaryDirectory() as scratch:
            objects = [f"{scratch}/{unit.parent.name}-{unit.name}.o" for unit in units]
            compiles = [[*(tools.device_compiler(self.capability) if unit.suffix == ".cu"
                           else ["g++", "-std=c++20"]), *flags, "-c", str(unit), "-o", name]
                        for unit, name in zip(units, objects)]
            link = ["g++", *objects, "-o", f"{scratch}/worker", str(tools.cublas),
                    f"-L{tools.cudart}", "-lcudart_static", f"-Wl,-rpath,{tools.cublas.parent}",
                    f"-Wl,-rpath-link,{tools.cublas.parent}", "-ldl", "-lrt", "-lpthread"]
            for step in compiles, [link]:
                for done in run_all(step):
                    if done.returncode:
                        fail("cannot build the harness:\n" + " ".join(done.args) + "\n" + done.stdout)
            shutil.move(f"{scratch}/worker", target)
        return target

    def self_test(self):
        """The module harness/SelfTest.cu as PTX."""
        source = self.bundle / "harness/SelfTest.cu"
        target = self.find(f"self-test-{digest([source, str(self.capability)])}.ptx")
        if not target.exists():
            for done in run_all([[*self.toolkit().device_compiler(self.capability, ptx=True),
                                  str(source), "-o", str(target)]]):
                if done.returncode:
                    fail(done.stdout)
        return target

    def assemble(self, modules):
        """Gives modules their cubins, made side by side, so that loading takes
        no time later. What ptxas refuses goes to the driver as PTX."""
        todo, commands = [], []
        for module in modules:
            arch = module["chip"] if module["chip"][-1] in "af" else f"sm_{self.capability}"
            target = self.find(digest([module["image"], arch]) + ".cubin")
            if target.exists():
                module["image"] = target
            elif self.toolkit().ptxas:
                todo.append((module, target))
                commands.append([self.toolkit().ptxas, f"-arch={arch}", "-v",
                                 str(module["image"]), "-o", str(target)])
        for (module, target), done in zip(todo, run_all(commands)):
            if done.returncode:
                say(f"ptxas refuses {module['id']}: {done.stdout.strip()[:2000]}")
            else:
                module["image"] = target
            for entry, problem in assembler_problems(done.stdout):
                say(f"ptxas: {module['id']} {entry}: {problem}")
        return len(todo)
