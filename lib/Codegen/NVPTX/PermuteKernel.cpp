//===- PermuteKernel.cpp - columns of x in another order ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A thread has eight columns: it keeps their places, and for each row gathers
// eight elements, which a row in L1 answers, and stores 16 bytes. Blocks lie
// along the columns; blockIdx.y strides over the rows.
//
//===----------------------------------------------------------------------===//
#include "PermuteKernel.h"
#include "KernelFunction.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

static constexpr int64_t columnsPerThread = 8;

PermutePlan qopt::nvptx::planPermute(int64_t columns, const Target &target) {
  assert(columns % columnsPerThread == 0);
  constexpr int64_t threads = 128; // few, so that a single row has many blocks
  PermutePlan plan;
  plan.entry = "qopt_permute_k" + std::to_string(columns);
  plan.columns = columns;
  plan.launch.block = threads;
  plan.launch.tilesOfN = (columns / columnsPerThread + threads - 1) / threads;
  plan.launch.tileOfM = 1;
  plan.launch.overlap = target.overlap;
  return plan;
}

gpu::GPUFuncOp qopt::nvptx::buildPermuteKernel(gpu::GPUModuleOp module,
                                               Location location,
                                               const PermutePlan &plan) {
  KernelBuilder b(location, module.getContext());
  b.setInsertionPointToEnd(module.getBody());
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  auto function = gpu::GPUFuncOp::create(
      b, plan.entry,
      b.getFunctionType({pointer, pointer, pointer, b.getI32Type()}, {}));
  function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), b.getUnitAttr());
  function->setAttr(NVVM::NVVMDialect::getReqntidAttrName(),
                    b.getDenseI32ArrayAttr({int32_t(plan.launch.block), 1, 1}));
  for (int argument = 0; argument < 3; ++argument)
    function.setArgAttr(argument, LLVM::LLVMDialect::getAlignAttrName(),
                        b.getI64IntegerAttr(16));
  // Of x that would allow loads (ld.global.nc) which nothing keeps behind the
  // wait for the kernel that writes it.
  function.setArgAttr(1, LLVM::LLVMDialect::getNoAliasAttrName(),
                      b.getUnitAttr());
  b.setInsertionPointToStart(&function.getBody().front());
  gpu::ReturnOp::create(b);
  b.setInsertionPointToStart(&function.getBody().front());
  Value x = function.getArgument(0), order = function.getArgument(1),
        y = function.getArgument(2), rows = function.getArgument(3);

  Value column = b.mul(
      b.add(b.mul(b.block(gpu::Dimension::x), plan.launch.block), b.thread()),
      columnsPerThread);
  b.when(b.less(column, plan.columns), [&] {
    Value places[2];
    for (int64_t half = 0; half < 2; ++half)
      places[half] = b.loadConstant(
          b.words(), b.advance(order, b.add(column, 4 * half), 4), 16);
    // The order is a weight; x may be what the kernel before this one writes.
    if (plan.launch.overlap) {
      allowOverlap(b);
      waitForPrevious(b);
    }
    b.loop(b.block(gpu::Dimension::y), rows, b.blocks(gpu::Dimension::y),
           [&](Value row) {
             Value source = b.advance(x, row, 2 * plan.columns);
             SmallVector<Value> elements;
             for (int64_t i = 0; i < columnsPerThread; ++i)
               elements.push_back(b.load(
                   b.integers(2),
                   b.advance(source, b.element(places[i / 4], i % 4), 2), 2));
             Value eight = vector::FromElementsOp::create(
                 b, VectorType::get(columnsPerThread, b.integers(2)), elements);
             Value target =
                 b.advance(b.advance(y, row, 2 * plan.columns), column, 2);
             b.store(b.bitcast(b.words(), eight), target, 16);
           });
  });
  return function;
}
