//===- HostBuilder.cpp - host code around a launch ------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "HostBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

HostBuilder::HostBuilder(Operation *op, const Target &target,
                         ActivationType activation)
    : b(op->getLoc(), op), target(target),
      activation(activation == ActivationType::F16 ? Type(b.getF16Type())
                                                   : b.getBF16Type()) {}

Value HostBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

/// [[0, …, rank - 2], [rank - 1]]
static SmallVector<ReassociationIndices> leadingDimensions(int64_t rank) {
  return {llvm::to_vector<2>(llvm::seq<int64_t>(0, rank - 1)), {rank - 1}};
}

/// Every leading dimension becomes part of M.
Value HostBuilder::toMatrix(Value x) {
  auto type = cast<RankedTensorType>(x.getType());
  if (type.getRank() == 1)
    return tensor::ExpandShapeOp::create(
        b,
        RankedTensorType::get({1, type.getDimSize(0)}, type.getElementType()),
        x, ArrayRef<ReassociationIndices>{{0, 1}});
  if (type.getRank() == 2)
    return x;
  return tensor::CollapseShapeOp::create(b, x,
                                         leadingDimensions(type.getRank()));
}

Value HostBuilder::fromMatrix(Value y, RankedTensorType type, Value like) {
  if (type.getRank() == 1)
    return tensor::CollapseShapeOp::create(
        b, y, ArrayRef<ReassociationIndices>{{0, 1}});
  if (type.getRank() == 2)
    return y;
  SmallVector<OpFoldResult> shape = tensor::getMixedSizes(b, b.getLoc(), like);
  shape.back() = b.getIndexAttr(type.getShape().back());
  return tensor::ExpandShapeOp::create(
      b, type, y, leadingDimensions(type.getRank()), shape);
}

Value HostBuilder::pointer(Value buffer) {
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, buffer);
  Value bits = arith::IndexCastOp::create(b, b.getI64Type(), address);
  return LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext()),
                                  bits);
}

Value HostBuilder::enter(Value x) {
  x = toMatrix(x);
  // What a kernel has left is narrow behind its conversion.
  auto widened = x.getDefiningOp<arith::ExtFOp>();
  bool isNarrow =
      widened && getElementTypeOrSelf(widened.getIn().getType()) == activation;
  if (isNarrow)
    x = widened.getIn();
  auto type = cast<RankedTensorType>(x.getType());
  rows = type.getDimSize(0);
  rowCount = tensor::DimOp::create(b, x, 0).getResult();
  const int64_t columns = type.getDimSize(1);
  if (!isNarrow)
    x = arith::TruncFOp::create(b, matrixType(columns, activation), x);
  return pointer(bufferization::ToBufferOp::create(
      b, MemRefType::get({rows, columns}, activation), x, /*read_only=*/true));
}

Value HostBuilder::output(int64_t columns) {
  y = memref::AllocOp::create(b, MemRefType::get({rows, columns}, activation),
                              dynamicRows(), b.getI64IntegerAttr(16));
  return pointer(y);
}

Value HostBuilder::leave() {
  int64_t columns = cast<MemRefType>(y.getType()).getDimSize(1);
  Value narrow = bufferization::ToTensorOp::create(
      b, matrixType(columns, activation), y, /*restrict=*/true);
  return arith::ExtFOp::create(b, matrixType(columns, b.getF32Type()), narrow);
}

memref::AllocOp HostBuilder::workspace(int64_t bytes) {
  Type word = b.getI32Type();
  auto buffer = memref::AllocOp::create(b, MemRefType::get({bytes / 4}, word),
                                        b.getI64IntegerAttr(16));
  Value flags = memref::SubViewOp::create(
      b, buffer, ArrayRef<int64_t>{0},
      ArrayRef<int64_t>{LaunchShape::workspaceFlags / 4}, ArrayRef<int64_t>{1});
  Value zero = arith::ConstantIntOp::create(b, word, 0);
  linalg::FillOp::create(b, zero, flags);
  return buffer;
}

void HostBuilder::launch(SymbolRefAttr kernel, const LaunchShape &shape,
                         ValueRange arguments) {
  // Blocks stride over M, so any grid.y is right; hardware allows 1 to 65535.
  Value tiles = arith::CeilDivUIOp::create(b, rowCount, index(shape.tileOfM));
  tiles = arith::MinUIOp::create(b, arith::MaxUIOp::create(b, tiles, index(1)),
                                 index(65535));
  int64_t blocks = shape.tilesOfN * shape.cluster;
  if (shape.persistent)
    blocks = std::min(blocks, target.processors);
  Value shared = index(shape.shared);
  if (shape.sharedPerRow)
    shared = arith::AddIOp::create(
        b, shared,
        arith::MulIOp::create(b, rowCount, index(shape.sharedPerRow)));
  shared = arith::IndexCastOp::create(b, b.getI32Type(), shared);
  Value one = index(1);
  memref::AllocOp space;
  SmallVector<Value> all(arguments);
  if (shape.workspace) {
    space = workspace(shape.workspace);
    all.push_back(pointer(space));
  }
  gpu::LaunchFuncOp::create(
      b, kernel, gpu::KernelDim3{index(blocks), tiles, one},
      gpu::KernelDim3{index(shape.block), one, one}, shared, all);
  if (!space)
    return;
  // The kernel has but the address: nobody else can tell when it is free.
  auto release = memref::DeallocOp::create(b, space);
  for (Operation *op : {space.getOperation(), release.getOperation()})
    op->setAttr(bufferization::BufferizationDialect::kManualDeallocation,
                b.getUnitAttr());
}
