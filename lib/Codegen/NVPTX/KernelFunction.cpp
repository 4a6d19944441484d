//===- KernelFunction.cpp - the frame of a kernel -------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "KernelFunction.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

KernelFrame qopt::nvptx::beginKernel(KernelBuilder &b, const LinearSpec &spec,
                                     const KernelPlan &plan,
                                     int64_t blocksPerProcessor) {
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  SmallVector<Type> parameters(2 + spec.weight.components().size(), pointer);
  const size_t pointers = parameters.size();
  parameters.push_back(b.getI32Type());
  if (plan.launch.workspace)
    parameters.push_back(pointer);
  auto function =
      gpu::GPUFuncOp::create(b, plan.entry, b.getFunctionType(parameters, {}));
  function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), b.getUnitAttr());
  // The work is cut for exactly this block size; the number of resident blocks
  // bounds the registers that the assembler may use.
  function->setAttr(NVVM::NVVMDialect::getReqntidAttrName(),
                    b.getDenseI32ArrayAttr({int32_t(plan.launch.block), 1, 1}));
  function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                    b.getI32IntegerAttr(blocksPerProcessor));
  if (plan.launch.cluster > 1)
    function->setAttr(
        NVVM::NVVMDialect::getClusterDimAttrName(),
        b.getDenseI32ArrayAttr({int32_t(plan.launch.cluster), 1, 1}));
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i] != pointer)
      continue;
    function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(),
                        b.getUnitAttr());
    function.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(),
                        b.getI64IntegerAttr(16));
  }

  b.setInsertionPointToStart(&function.getBody().front());
  gpu::ReturnOp::create(b);
  b.setInsertionPointToStart(&function.getBody().front());
  auto arguments =
      function.getArguments().take_front(function.getNumArguments());
  KernelFrame frame;
  frame.function = function;
  frame.input = arguments[0];
  frame.weight.packed = arguments[1];
  frame.weight.scales = arguments[2];
  if (spec.weight.hasZeros())
    frame.weight.zeros = arguments[3];
  if (spec.hierarchy().hasLevels())
    frame.weight.superScales = arguments[3];
  frame.output = arguments[pointers - 1];
  frame.inputRows = arguments[pointers];
  if (plan.launch.workspace)
    frame.workspace = arguments.back();
  frame.thread = b.thread();
  frame.lane = b.rem(frame.thread, 32);
  frame.warp = b.div(frame.thread, 32);
  bool warpgroups = std::holds_alternative<WarpgroupShape>(plan.shape);
  frame.shared = b.dynamicShared(warpgroups ? warpgroupAlignment : 16);
  return frame;
}

void qopt::nvptx::allowOverlap(KernelBuilder &b) {
  b.ptx({}, "griddepcontrol.launch_dependents;", "", {});
}

void qopt::nvptx::waitForPrevious(KernelBuilder &b) {
  b.ptx({}, "griddepcontrol.wait;", "", {});
}

std::array<Value, 4> qopt::nvptx::loadMatrices(KernelBuilder &b,
                                               Value address) {
  SmallVector<Type> types(4, b.getI32Type());
  Value all = b.ptx(types,
                    "ldmatrix.sync.aligned.m8n8.x4.shared.b16 "
                    "{$0, $1, $2, $3}, [$4];",
                    "=r,=r,=r,=r,r", address)[0];
  std::array<Value, 4> result;
  for (int64_t i = 0; i < 4; ++i)
    result[i] = LLVM::ExtractValueOp::create(b, all, i);
  return result;
}
