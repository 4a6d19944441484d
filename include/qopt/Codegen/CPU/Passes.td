//===- Passes.td - lowering to CPU kernels -*- tablegen -*-----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_CODEGEN_CPU_PASSES_TD
#define QOPT_CODEGEN_CPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertLinearToCPU : Pass<"convert-linear-to-cpu", "::mlir::ModuleOp"> {
  let summary = "Call outlined kernels for linears with interleaved weights";
  let description = [{
    Every `qopt.linear` whose weight is packed as `#qopt.interleaved<rows = 16>`
    becomes a call of a kernel with bare pointers. The kernels are emitted in
    the nested module `@qopt_cpu_kernels`, one per scheme, N and K, in the func,
    scf, vector, memref and arith dialects, for the CPU that the options name. A
    linear that no kernel covers stays, with a remark that says why.

    ```mlir
    %y = qopt.linear %x, %w : tensor<?x64xf32>, !qopt.packed<32x64xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.interleaved<rows = 16>> -> tensor<?x32xf32>
    // becomes, with buffers of x, the components of %w and y
    call @qopt_linear_int4_g32_…n32_k64(%m, %xp, %packed, %scales, %zeros, %yp) : (i64, !llvm.ptr, …) -> ()
    ```
  }];
  let options = [
    Option<"cpu", "cpu", "std::string", [{"host"}],
           "The CPU to make kernels for, as LLVM names it, or 'host'; several, "
           "the best first, make kernels that choose: 'znver4,x86-64-v3'">,
    Option<"features", "features", "std::string", [{""}],
           "CPU features to add or take away: '+avx2,-fma'">,
    Option<"triple", "triple", "std::string", [{""}],
           "The LLVM target triple; by default the one of this machine">,
    Option<"exact", "exact", "bool", "false",
           "Keep activations in f32 instead of rounding them to bytes">];
  let dependentDialects = [
    "::mlir::amx::AMXDialect", "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
    "::mlir::func::FuncDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect",
    "::mlir::vector::VectorDialect"];
  let statistics = [
    Statistic<"convertedLinears", "linears", "Linears that call a kernel">,
    Statistic<"keptLinears", "kept", "Linears that stay, with a remark">,
    Statistic<"emittedKernels", "kernels", "Kernels emitted">];
}

def LowerCPUKernels : Pass<"lower-cpu-kernels", "::mlir::ModuleOp"> {
  let summary = "Lower the module of CPU kernels to the LLVM dialect";
  let description = [{
    Lowers the nested module `@qopt_cpu_kernels`, and nothing else, to the LLVM
    dialect with bare pointers. It can then be translated by itself.

    ```mlir
    module @qopt_cpu_kernels { func.func @qopt_linear_…(%m: index, …) }
    // becomes
    module @qopt_cpu_kernels { llvm.func @qopt_linear_…(%m: i64, %x: !llvm.ptr, …) }
    ```
  }];
  let statistics = [Statistic<"loweredFunctions", "functions", "Functions lowered, with helpers of kernels">];
}

#endif // QOPT_CODEGEN_CPU_PASSES_TD
