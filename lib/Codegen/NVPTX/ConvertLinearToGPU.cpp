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
//   scf.if %m <= 8 { gpu.launch_func @qopt_kernels::@qopt_linear_…_stream_m8
//   } else { … }                           // the first kernel that takes M
//   rows %y16 = bufferization.to_tensor %out ; %y = arith.extf %y16
//
//===----------------------------------------------------------------------===//
#include "DispatchTable.h"
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
static std::optional<LinearSpec> specOf(LinearOp op,
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
  SchemeAttrInterface scheme = packed.getScheme();
  return LinearSpec{
      MmaAttr::getLayout(scheme, packed.getRows(), packed.getColumns()),
      scheme.mnemonicName(), activation};
}

/// [[0, …, rank - 2], [rank - 1]]
static SmallVector<ReassociationIndices> leadingDimensions(int64_t rank) {
  return {llvm::to_vector<2>(llvm::seq<int64_t>(0, rank - 1)), {rank - 1}};
}

namespace {

/// Writes the host code of one linear.
class LaunchBuilder {
public:
  LaunchBuilder(LinearOp op, const LinearSpec &spec, const Target &target)
      : op(op), spec(spec), target(target), b(op.getLoc(), op) {
    activation = spec.activation == ActivationType::F16 ? Type(b.getF16Type())
                                                        : b.getBF16Type();
  }
  /// Replaces the linear by launches of its kernels in `module`.
  void build(StringAttr module, ArrayRef<KernelPlan> plans);

private:
  Value toMatrix(Value x);
  Value fromMatrix(Value y);
  Value addBias(Value y);
  Value pointer(Value buffer);
  void launch(StringAttr module, ArrayRef<KernelPlan> plans,
              ValueRange arguments);
  void launch(SymbolRefAttr kernel, const LaunchShape &shape,
              ValueRange arguments);
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
  const LinearSpec &spec;
  const Target &target;
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

/// The first kernel that takes M rows: decided here if M is known.
void LaunchBuilder::launch(StringAttr module, ArrayRef<KernelPlan> plans,
                           ValueRange arguments) {
  const KernelPlan &plan = plans.front();
  int64_t most = plan.launch.maxRows;
  auto kernel = SymbolRefAttr::get(
      module, FlatSymbolRefAttr::get(b.getContext(), plan.entry));
  if (most == 0 || (!ShapedType::isDynamic(rows) && rows <= most))
    return launch(kernel, plan.launch, arguments);
  if (!ShapedType::isDynamic(rows))
    return launch(module, plans.drop_front(), arguments);
  Value few = arith::CmpIOp::create(b, arith::CmpIPredicate::ule, rowCount,
                                    index(most));
  auto branch = scf::IfOp::create(b, few, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  launch(kernel, plan.launch, arguments);
  b.setInsertionPointToStart(branch.elseBlock());
  launch(module, plans.drop_front(), arguments);
}

void LaunchBuilder::launch(SymbolRefAttr kernel, const LaunchShape &shape,
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
  gpu::LaunchFuncOp::create(
      b, kernel, gpu::KernelDim3{index(blocks), tiles, one},
      gpu::KernelDim3{index(shape.block), one, one}, shared, arguments);
}

void LaunchBuilder::build(StringAttr module, ArrayRef<KernelPlan> plans) {
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

  launch(module, plans, arguments);

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
    SmallVector<WarpgroupShape> shapes;
    for (const std::string &text : warpgroupShapes) {
      Result<WarpgroupShape> shape = parseWarpgroupShape(text);
      if (!shape) {
        emitError(getOperation().getLoc()) << shape.error().message;
        return signalPassFailure();
      }
      shapes.push_back(*shape);
    }
    SmallVector<LinearOp> linears;
    getOperation().walk([&](LinearOp op) { linears.push_back(op); });
    gpu::GPUModuleOp kernels;
    DispatchTable table(*target);
    llvm::StringMap<std::vector<KernelPlan>> plans; // by the linear's name
    for (LinearOp op : linears) {
      std::optional<LinearSpec> spec = specOf(op, activations);
      if (!spec) {
        ++keptLinears;
        continue;
      }
      if (!kernels)
        kernels = kernelModule(*target);
      auto [entry, isNew] = plans.try_emplace(spec->name());
      if (isNew) {
        entry->second = planKernels(*spec, *target, shapes);
        for (const KernelPlan &plan : entry->second) {
          buildKernel(kernels, op.getLoc(), *spec, plan);
          table.add(*spec, plan);
          ++emittedKernels;
        }
      }
      ++convertedLinears;
      LaunchBuilder(op, *spec, *target)
          .build(kernels.getSymNameAttr(), entry->second);
    }
    if (kernels)
      table.write(kernels);
  }
};
} // namespace
