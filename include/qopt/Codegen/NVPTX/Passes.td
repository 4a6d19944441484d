//===- Passes.td - passes that make GPU code ---------------*- tablegen -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_CODEGEN_NVPTX_PASSES_TD
#define QOPT_CODEGEN_NVPTX_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertLinearToGPU : Pass<"convert-linear-to-gpu", "::mlir::ModuleOp"> {
  let summary = "outline GPU kernels per shape and scheme, and launch them";
  let description = [{
    A `qopt.linear` whose weight is in the layout `#qopt.mma` becomes a
    `gpu.launch_func` of a kernel in `gpu.module @qopt_kernels`, chosen by M. All
    linears of one (N, K, scheme) share the kernels
    `qopt_linear_<scheme>_n<N>_k<K>_…`, whose parameters are x, packed, scales,
    zeros or super_scales if the scheme has them, y, M, and a workspace if the
    kernel has one. How each is launched is also in the
    global `qopt_dispatch`, for runtimes. Around the launch x is narrowed to the
    activation type and y widened to f32, the leading dimensions of x become M,
    and a bias is added in f32. A linear that no kernel covers stays, with a
    remark that says why. A `qopt.permute_channels` that such a linear reads
    becomes the launch of `qopt_permute_k<K>`, whose parameters are x, order, y
    and M.

    ```mlir
    %y = qopt.linear %x, %w : tensor<?x64xf32>, !qopt.packed<32x64xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.mma> -> tensor<?x32xf32>
    // becomes, for each range of M, x and y narrowed before and widened behind it
    gpu.launch_func @qopt_kernels::@qopt_linear_int4_g32_n32_k64_tile_any blocks in (…) threads in (…) args(%xh, %packed, %scales, %zeros, %yh, %m)
    ```
  }];
  let options = [
    Option<"chip", "chip", "std::string", "\"sm_80\"",
           "GPU to generate code for: sm_80, sm_86, sm_89, sm_90, sm_90a or sm_100">,
    Option<"activations", "activations", "::qopt::nvptx::ActivationType",
           "::qopt::nvptx::ActivationType::F16", "Type of x and y in memory",
           [{::llvm::cl::values(
             clEnumValN(::qopt::nvptx::ActivationType::F16, "f16", "IEEE half"),
             clEnumValN(::qopt::nvptx::ActivationType::BF16, "bf16", "bfloat16"))}]>,
    ListOption<"warpgroupShapes", "warpgroup-shapes", "std::string",
               "sm_90a: kernels of these shapes, 64-output units x rows of x [x parts of K], instead of those that the cost model chooses; for tests and tuning">,
    Option<"stripes", "stripes", "int64_t", "-1",
           "Blocks, 1024 at most, that share all tiles of y equally: in mma.sync kernels for up to 64 rows of x, in those of wgmma that the cost model expects to gain by it, and in warpgroup-shapes; 0: in none; -1: one for each multiprocessor, where the cost model expects a gain; for tests and tuning">,
    Option<"processors", "processors", "int64_t", "0",
           "Multiprocessors to share work out to; 0: those of the largest GPU with this chip">,
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
    "::mlir::gpu::GPUDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect",
    "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect", "::mlir::vector::VectorDialect",
  ];
  let statistics = [
    Statistic<"convertedLinears", "linears", "Linears that launch kernels">,
    Statistic<"keptLinears", "kept", "Linears that stay, with a remark">,
    Statistic<"emittedKernels", "kernels", "Kernels emitted">,
  ];
}

#endif // QOPT_CODEGEN_NVPTX_PASSES_TD
