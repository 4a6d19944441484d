//===- ConvertLinearToGPU.cpp - linears become kernel launches -----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//   %y = qopt.linear %x, %w : tensor<?x256xf32>, !qopt.packed<…> -> …
// becomes
//   %x16 = arith.truncf %x … ; %buffer = bufferization.to_buffer %x16
//   %packed = qopt.component %w "packed" … ; %scales, %zeros likewise
//   %out = memref.alloc(%m)
//   gpu.launch_func @qopt_kernels::@qopt_linear_… args(pointers …, %m)
//   %y16 = bufferization.to_tensor %out ; %y = arith.extf %y16
//
//===----------------------------------------------------------------------===//
#include "qopt/Codegen/NVPTX/LinearKernel.h"
#include "qopt/Codegen/NVPTX/Passes.h"
#include "qopt/Codegen/NVPTX/Targets.h"
#include "qopt/Dialect/QOpt/QOptOps.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

namespace qopt::nvptx {
#define GEN_PASS_DEF_CONVERTLINEARTOGPU
#include "qopt/Codegen/NVPTX/Passes.h.inc"
} // namespace qopt::nvptx

/// The kernel that a linear needs; nothing, with a remark, if there is none.
static std::optional<LinearKernelSpec> specOf(LinearOp op,
                                              ActivationType activation) {
  Type type = op.getWeight().getType();
  auto packed = dyn_cast<PackedType>(type);
  if (!packed) {
    emitRemark(op.getLoc())
        << "no GPU kernel: the weight is "
        << (isa<QuantType>(type) ? "quantized but not packed"
                                 : "not quantized");
    return std::nullopt;
  }
  if (!isa<MmaAttr>(packed.getLayout())) {
    emitRemark(op.getLoc())
        << "no GPU kernel for the layout " << packed.getLayout();
    return std::nullopt;
  }
  auto scheme = cast<GroupedAttr>(packed.getScheme());
  return LinearKernelSpec{
      {scheme.getScheme(), packed.getRows(), packed.getColumns()},
      scheme.mnemonicName(),
      activation};
}

/// [[0, …, rank - 2], [rank - 1]]
static SmallVector<ReassociationIndices> leadingDimensions(int64_t rank) {
  return {llvm::to_vector<2>(llvm::seq<int64_t>(0, rank - 1)), {rank - 1}};
}

namespace {

/// Writes the host code of one linear.
class LaunchBuilder {
public:
  LaunchBuilder(LinearOp op, const LinearKernelSpec &spec)
      : op(op), spec(spec), b(op.getLoc(), op) {
    activation = spec.activation == ActivationType::F16 ? Type(b.getF16Type())
                                                        : b.getBF16Type();
  }
  /// Replaces the linear by a launch of `kernel`.
  void build(SymbolRefAttr kernel);

private:
  Value toMatrix(Value x);
  Value fromMatrix(Value y);
  Value addBias(Value y);
  Value pointer(Value buffer);
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  RankedTensorType matrixType(int64_t columns, Type element) {
    return RankedTensorType::get({rows, columns}, element);
  }
  SmallVector<Value> dynamicRows() {
    return ShapedType::isDynamic(rows) ? SmallVector<Value>{rowCount}
                                       : SmallVector<Value>{};
  }

  LinearOp op;
  const LinearKernelSpec &spec;
  ImplicitLocOpBuilder b;
  Type activation;
  int64_t rows = 0; // M, or dynamic
  Value rowCount;   // M
};

} // namespace

/// Every leading dimension becomes part of M.
Value LaunchBuilder::toMatrix(Value x) {
  auto type = cast<RankedTensorType>(x.getType());
  if (type.getRank() == 1)
    return tensor::ExpandShapeOp::create(
        b, RankedTensorType::get({1, spec.columns()}, type.getElementType()), x,
        ArrayRef<ReassociationIndices>{{0, 1}});
  if (type.getRank() == 2)
    return x;
  return tensor::CollapseShapeOp::create(b, x,
                                         leadingDimensions(type.getRank()));
}

Value LaunchBuilder::fromMatrix(Value y) {
  RankedTensorType type = op.getOutput().getType();
  if (type.getRank() == 1)
    return tensor::CollapseShapeOp::create(
        b, y, ArrayRef<ReassociationIndices>{{0, 1}});
  if (type.getRank() == 2)
    return y;
  SmallVector<OpFoldResult> shape =
      tensor::getMixedSizes(b, op.getLoc(), op.getInput());
  shape.back() = b.getIndexAttr(spec.rows());
  return tensor::ExpandShapeOp::create(
      b, type, y, leadingDimensions(type.getRank()), shape);
}

Value LaunchBuilder::addBias(Value y) {
  Value bias = op.getBias();
  auto wide = RankedTensorType::get({spec.rows()}, b.getF32Type());
  if (bias.getType() != wide)
    bias = arith::ExtFOp::create(b, wide, bias);
  auto type = cast<RankedTensorType>(y.getType());
  Value empty = tensor::EmptyOp::create(b, type.getShape(),
                                        type.getElementType(), dynamicRows());
  auto rowsOfBias =
      linalg::BroadcastOp::create(b, bias, empty, ArrayRef<int64_t>{0});
  return arith::AddFOp::create(b, y, rowsOfBias->getResult(0));
}

Value LaunchBuilder::pointer(Value buffer) {
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, buffer);
  Value bits = arith::IndexCastOp::create(b, b.getI64Type(), address);
  return LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext()),
                                  bits);
}

void LaunchBuilder::build(SymbolRefAttr kernel) {
  Value x = toMatrix(op.getInput());
  rows = cast<RankedTensorType>(x.getType()).getDimSize(0);
  rowCount = tensor::DimOp::create(b, x, 0).getResult();
  x = arith::TruncFOp::create(b, matrixType(spec.columns(), activation), x);

  auto bufferType = [&](int64_t columns) {
    return MemRefType::get({rows, columns}, activation);
  };
  SmallVector<Value> arguments;
  arguments.push_back(pointer(bufferization::ToBufferOp::create(
      b, bufferType(spec.columns()), x, /*read_only=*/true)));
  for (const Component &component : spec.weight.components()) {
    auto type = MemRefType::get(
        component.shape, componentElementType(b.getContext(), component.type));
    arguments.push_back(pointer(ComponentOp::create(
        b, type, op.getWeight(), b.getStringAttr(component.suffix))));
  }
  Value output = memref::AllocOp::create(
      b, bufferType(spec.rows()), dynamicRows(), b.getI64IntegerAttr(16));
  arguments.push_back(pointer(output));
  arguments.push_back(arith::IndexCastOp::create(b, b.getI32Type(), rowCount));

  // Blocks stride over M, so any grid.y is right; hardware allows 1 to 65535.
  Value tiles = arith::DivUIOp::create(
      b,
      arith::AddIOp::create(b, rowCount,
                            index(LinearKernelSpec::rowsOfTile - 1)),
      index(LinearKernelSpec::rowsOfTile));
  tiles = arith::MinUIOp::create(b, arith::MaxUIOp::create(b, tiles, index(1)),
                                 index(65535));
  Value one = index(1);
  gpu::LaunchFuncOp::create(b, kernel,
                            gpu::KernelDim3{index(spec.gridSize()), tiles, one},
                            gpu::KernelDim3{index(spec.blockSize()), one, one},
                            /*dynamicSharedMemorySize=*/Value(), arguments);

  Value y = bufferization::ToTensorOp::create(
      b, matrixType(spec.rows(), activation), output, /*restrict=*/true);
  y = arith::ExtFOp::create(b, matrixType(spec.rows(), b.getF32Type()), y);
  if (op.getBias())
    y = addBias(y);
  op.getOutput().replaceAllUsesWith(fromMatrix(y));
  op.erase();
}

namespace {
struct ConvertLinearToGPU
    : nvptx::impl::ConvertLinearToGPUBase<ConvertLinearToGPU> {
  using ConvertLinearToGPUBase::ConvertLinearToGPUBase;

  /// The module that receives the kernels, made at the first one.
  gpu::GPUModuleOp kernelModule(const Target &target) {
    OpBuilder b(&getContext());
    ModuleOp module = getOperation();
    module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                    b.getUnitAttr());
    b.setInsertionPointToStart(module.getBody());
    auto attribute = NVVM::NVVMTargetAttr::get(&getContext(), /*optLevel=*/3,
                                               "nvptx64-nvidia-cuda",
                                               target.chip, target.features);
    return gpu::GPUModuleOp::create(b, module.getLoc(), "qopt_kernels",
                                    b.getArrayAttr({attribute}));
  }

  void runOnOperation() override {
    Result<Target> target = findTarget(chip.getValue());
    if (!target) {
      emitError(getOperation().getLoc()) << target.error().message;
      return signalPassFailure();
    }
    SmallVector<LinearOp> linears;
    getOperation().walk([&](LinearOp op) { linears.push_back(op); });
    gpu::GPUModuleOp kernels;
    for (LinearOp op : linears) {
      std::optional<LinearKernelSpec> spec = specOf(op, activations);
      if (!spec)
        continue;
      if (!kernels)
        kernels = kernelModule(*target);
      if (!kernels.lookupSymbol(spec->name()))
        buildLinearKernel(kernels, op.getLoc(), *spec);
      LaunchBuilder(op, *spec).build(SymbolRefAttr::get(
          kernels.getSymNameAttr(),
          FlatSymbolRefAttr::get(&getContext(), spec->name())));
    }
  }
};
} // namespace
