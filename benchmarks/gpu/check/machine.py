"""What there is on this machine: the GPU, and the tools to build with."""
import ctypes
import glob
import os
import re
import shutil
import site
import sys
from pathlib import Path

from .report import fail

# Bytes of shared memory that a block can have, by compute capability (CUDA
# Programming Guide, technical specifications). Kernels are planned for them.
SHARED = {80: 163 << 10, 86: 99 << 10, 87: 163 << 10, 88: 99 << 10, 89: 99 << 10, 90: 227 << 10,
          100: 227 << 10, 103: 227 << 10, 110: 227 << 10, 120: 99 << 10, 121: 99 << 10}
SMALL = 99 << 10  # of GPUs for desktops


def compute_capability():
    """10 * major + minor of GPU 0, from the driver; and the bytes of shared
    memory that its blocks can have."""
    try:
        cuda = ctypes.CDLL(os.environ.get("QOPT_LIBCUDA", "libcuda.so.1"))
    except OSError as error:
        fail(f"no CUDA driver on this machine: {error}")
    device, value, result = ctypes.c_int(), ctypes.c_int(), 0
    if cuda.cuInit(0) != 0 or cuda.cuDeviceGet(ctypes.byref(device), 0) != 0:
        fail("the CUDA driver finds no GPU")
    for attribute, weight in (75, 10), (76, 1):
        cuda.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
        result += weight * value.value
    cuda.cuDeviceGetAttribute(ctypes.byref(value), 97, device)
    return result, value.value


def runs_on(chip, capability):
    match = re.fullmatch(r"sm_(\d+)([af]?)", chip)
    if not match:
        return False
    if match[2]:  # these features exist on this chip and on no later one
        return int(match[1]) == capability
    return int(match[1]) <= capability


def chips_to_run(chips, capability, shared):
    """Of the chips that a bundle has kernels for, those whose plans are for a
    GPU like this one: neither for more shared memory than it has, nor for so
    little that they say nothing about it. If there are none, all that run."""
    running = [chip for chip in chips if runs_on(chip, capability)]
    planned = {chip: SHARED.get(int(chip.rstrip("af")[3:]), shared) for chip in running}
    suitable = [chip for chip in running
                if planned[chip] <= shared and (planned[chip] > SMALL or shared < SHARED[80])]
    return suitable or running


def first_file(patterns):
    for pattern in patterns:
        for path in sorted(glob.glob(pattern)):
            return Path(path)
    return None


class Toolkit:
    """nvcc, and where the headers and libraries of CUDA and cuBLAS are."""

    def __init__(self):
        nvcc = shutil.which("nvcc") or first_file(["/usr/local/cuda/bin/nvcc",
                                                   "/usr/local/cuda*/bin/nvcc"])
        if not nvcc:
            fail("there is no nvcc; put the CUDA toolkit's bin directory into PATH")
        self.nvcc = str(nvcc)
        home = Path(os.path.realpath(nvcc)).parent.parent
        ptxas = home / "bin/ptxas"
        self.ptxas = str(ptxas) if ptxas.exists() else shutil.which("ptxas")
        packages = site.getsitepackages() + [path for path in sys.path if "-packages" in path]
        roots = [str(home), f"{home}/targets/*"] + [f"{p}/nvidia/*" for p in packages]

        def directory(kind, *names):
            found = first_file([f"{root}/{sub}/{name}" for root in roots for sub in kind
                                for name in names])
            if not found:
                fail(f"there is no {names[0]} under {home} or in Python's packages")
            return found.parent

        libraries = ["lib64", "lib"]
        self.includes = {directory(["include"], "cuda_runtime.h"),
                         directory(["include"], "cublas_v2.h")}
        self.cudart = directory(libraries, "libcudart_static.a")
        self.cublas = first_file([f"{root}/{sub}/libcublas.so*" for root in roots
                                  for sub in libraries])
        if not self.cublas:
            fail(f"there is no libcublas.so under {home} or in Python's packages")

    def device_compiler(self, capability, ptx=False):
        target = f"-arch=sm_{capability} -ptx" if ptx else \
            f"-gencode=arch=compute_{capability},code=sm_{capability}"
        return [self.nvcc, "-std=c++17", *target.split()]
