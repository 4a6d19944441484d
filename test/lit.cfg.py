# lit configuration of the tests that run the tool; unit tests are in Unit/.
import glob
import os

import lit.formats
import lit.util

config.name = "qopt"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
# Unit is a suite of its own, named beside this one wherever lit is called.
config.excludes = ["Unit", "consumer", "Fixtures", "corpus"]
config.test_source_root = os.path.join(config.qopt_source_dir, "test")
config.test_exec_root = os.path.join(config.qopt_binary_dir, "test")

config.environment["PATH"] = os.pathsep.join(
    [
        os.path.join(config.qopt_binary_dir, "bin"),
        config.llvm_tools_dir,
        os.environ["PATH"],
    ]
)
# Code is compiled anew in every test but that of the cache.
config.environment["QOPT_CACHE_DIR"] = ""
config.substitutions.append(("%source", config.qopt_source_dir))
config.substitutions.append(("%build", config.qopt_binary_dir))
config.substitutions.append(
    ("%plugin", os.path.join(config.qopt_binary_dir, "lib", "qopt-plugin.so"))
)
config.substitutions.append(
    ("%llvm_lib", os.path.join(os.path.dirname(config.llvm_tools_dir), "lib"))
)
config.substitutions.append(("%models", os.path.join(config.qopt_source_dir, "models")))
config.substitutions.append(
    ("%fixtures", os.path.join(config.test_source_root, "Fixtures"))
)
config.substitutions.append(
    ("%fuzzers", os.path.join(config.qopt_binary_dir, "test", "fuzz"))
)
config.substitutions.append(
    ("%python", lit.util.which("python3", os.environ["PATH"]) or "python3")
)
compilers = config.compilers
if ccache := lit.util.which("ccache", os.environ["PATH"]):
    compilers += f" -DCMAKE_CXX_COMPILER_LAUNCHER={ccache}"
config.substitutions.append(("%cmake_compilers", compilers))
# What qopt compile links holds no run time of sanitizers.
if not config.sanitize:
    config.available_features.add("compile")
if lit.util.which("dpkg-deb", os.environ["PATH"]):
    config.available_features.add("dpkg")
if glob.glob(
    os.path.join(os.path.dirname(config.llvm_tools_dir), "lib/clang/*/lib/linux/libclang_rt.tsan-*")
):
    config.available_features.add("tsan")
if lit.util.which("qemu-aarch64", os.environ["PATH"]):
    config.available_features.add("qemu-aarch64")
# Long tests that scripts/test --full runs.
if os.environ.get("QOPT_EXHAUSTIVE"):
    config.available_features.add("exhaustive")
if config.ptxas and "NOTFOUND" not in config.ptxas:
    config.available_features.add("ptxas")
    config.substitutions.append(("%ptxas", config.ptxas))
    cuda = os.path.dirname(os.path.dirname(config.ptxas))
    if all(
        os.path.exists(os.path.join(cuda, file))
        for file in ("bin/nvcc", "include/cublas_v2.h")
    ):
        config.available_features.add("nvcc")
        config.substitutions.append(("%cuda", cuda))
