//===- ConvertLinear.cpp - qopt.linear to calls of CPU kernels ------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     %y = qopt.linear %x, %w : tensor<?x64xf32>, !qopt.packed<…> ->
//     tensor<?x48xf32>
//
// becomes
//
//     %xb = bufferization.to_buffer %x read_only
//     %yb = memref.alloc(%m)
//     %packed = qopt.component %w "packed"                 // and the others
//     func.call @qopt_linear_int4_g32_n48_k64(their pointers, %m)
//     %y = bufferization.to_tensor %yb restrict writable
//
//===----------------------------------------------------------------------===//
#include "Dispatch.h"
#include "KernelSpec.h"
#include "qopt/Codegen/CPU/Passes.h"
#include "qopt/Dialect/QOpt/QOptOps.h"
#include "qopt/Transforms/SortColumns.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace qopt::cpu {
#define GEN_PASS_DEF_CONVERTLINEARTOCPU
#include "qopt/Codegen/CPU/Passes.h.inc"

Result<LinearKernelSpec> kernelSpecOf(Type weight, bool exact) {
  auto packed = dyn_cast<PackedType>(weight);
  if (!packed)
    return badInput("the weight is not packed");
  auto layout = dyn_cast<InterleavedAttr>(packed.getLayout());
  if (!layout)
    return badInput("the layout of the weight is not #qopt.interleaved");
  LinearKernelSpec spec{packed.getScheme().mnemonicName(),
                        layout.getLayout(packed.getScheme(), packed.getRows(),
                                         packed.getColumns()),
                        exact};
  if (std::string reason = spec.unsupported(); !reason.empty())
    return badInput(reason);
  return spec;
}

namespace {
/// The kernels of a module: emitted once each, declared where they are called.
class Kernels {
public:
  /// `variants`: the CPUs that kernels choose from, the best first.
  Kernels(ModuleOp host, ArrayRef<CpuTarget> variants)
      : host(host), variants(variants) {}

  /// The declaration of the kernel in the host module; null after an error.
  func::FuncOp get(LinearOp user, const LinearKernelSpec &spec);

  /// How many kernels were not there before, for several CPUs once.
  int64_t emitted() const { return emittedCount; }

private:
  ModuleOp kernelModule();
  void define(LinearOp user, const LinearKernelSpec &spec);
  void defineDispatch(ModuleOp kernels, Location location,
                      const LinearKernelSpec &spec);

  ModuleOp host;
  ArrayRef<CpuTarget> variants;
  int64_t emittedCount = 0;
};
} // namespace

ModuleOp Kernels::kernelModule() {
  if (ModuleOp existing = findKernelModule(host))
    return existing;
  OpBuilder builder = OpBuilder::atBlockEnd(host.getBody());
  auto kernels = ModuleOp::create(builder, host.getLoc(), kernelModuleName);
  kernels->setAttr(LLVM::LLVMDialect::getTargetTripleAttrName(),
                   builder.getStringAttr(variants.front().triple()));
  return kernels;
}

/// What reaches the LLVM function, so that the module says for which CPU it is
/// and LLVM selects the instructions of that CPU only.
static void setTarget(Operation *function, const CpuTarget &target) {
  Builder builder(function->getContext());
  function->setAttr("target_cpu", builder.getStringAttr(target.cpu()));
  // LLVM makes no memset or memcpy of loops: kernels need no library.
  SmallVector<Attribute> others = {builder.getStringAttr("no-builtins")};
  if (auto present = function->getAttrOfType<ArrayAttr>("passthrough"))
    llvm::append_range(others, present);
  function->setAttr("passthrough", builder.getArrayAttr(others));
  SmallVector<StringRef> features(target.features().begin(),
                                  target.features().end());
  if (!features.empty())
    function->setAttr("target_features", LLVM::TargetFeaturesAttr::get(
                                             builder.getContext(), features));
}

void Kernels::define(LinearOp user, const LinearKernelSpec &spec) {
  ModuleOp kernels = kernelModule();
  if (kernels.lookupSymbol(spec.symbol()))
    return;
  ++emittedCount;
  const bool several = variants.size() > 1;
  OpBuilder builder = OpBuilder::atBlockEnd(kernels.getBody());
  for (auto [index, target] : llvm::enumerate(variants)) {
    std::string suffix = several ? variantSuffix(index) : "";
    emitLinearKernel(builder, user.getLoc(), spec, target, suffix);
    for (auto function : kernels.getOps<func::FuncOp>())
      if (!function->hasAttr("target_cpu"))
        setTarget(function, target);
  }
  if (several)
    defineDispatch(kernels, user.getLoc(), spec);
}

/// First in the module, which thereby is one for the last CPU.
void Kernels::defineDispatch(ModuleOp kernels, Location location,
                             const LinearKernelSpec &spec) {
  OpBuilder builder = OpBuilder::atBlockBegin(kernels.getBody());
  for (const std::string &name : {spec.symbol(), spec.blocksSymbol()}) {
    auto variant = kernels.lookupSymbol<func::FuncOp>(name + variantSuffix(0));
    setTarget(emitDispatch(builder, location, name, variant.getFunctionType(),
                           variants.size()),
              variants.back());
  }
  if (func::FuncOp lookup = emitVariantLookup(builder, location, variants))
    setTarget(lookup, variants.back());
}

func::FuncOp Kernels::get(LinearOp user, const LinearKernelSpec &spec) {
  define(user, spec);
  OpBuilder builder = OpBuilder::atBlockBegin(host.getBody());
  SmallVector<Type> inputs(kernelBufferTypes(host.getContext(), spec).size(),
                           LLVM::LLVMPointerType::get(host.getContext()));
  inputs.push_back(builder.getI64Type());
  FunctionType type = builder.getFunctionType(inputs, {});
  if (Operation *existing = host.lookupSymbol(spec.symbol())) {
    auto function = dyn_cast<func::FuncOp>(existing);
    if (function && function.isDeclaration() &&
        function.getFunctionType() == type)
      return function;
    user.emitOpError() << "needs the symbol @" << spec.symbol()
                       << ", which is taken";
    return nullptr;
  }
  auto function =
      func::FuncOp::create(builder, user.getLoc(), spec.symbol(), type);
  function.setPrivate();
  return function;
}

/// A tensor [..., K] as [M, K].
static Value asMatrix(ImplicitLocOpBuilder &b, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  int64_t columns = type.getShape().back();
  if (type.getRank() == 2)
    return tensor;
  if (type.getRank() == 1)
    return tensor::ExpandShapeOp::create(
        b, type.clone({int64_t(1), columns}), tensor,
        ArrayRef<ReassociationIndices>{{0, 1}});
  ReassociationIndices leading =
      llvm::to_vector(llvm::seq<int64_t>(0, type.getRank() - 1));
  return tensor::CollapseShapeOp::create(
      b, tensor, ArrayRef<ReassociationIndices>{leading, {type.getRank() - 1}});
}

/// The inverse for the result: [M, N] with the leading extents of `like`.
static Value fromMatrix(ImplicitLocOpBuilder &b, Value matrix, Value like,
                        RankedTensorType type) {
  if (type.getRank() == 2)
    return matrix;
  if (type.getRank() == 1)
    return tensor::CollapseShapeOp::create(
        b, matrix, ArrayRef<ReassociationIndices>{{0, 1}});
  ReassociationIndices leading =
      llvm::to_vector(llvm::seq<int64_t>(0, type.getRank() - 1));
  SmallVector<OpFoldResult> extents;
  for (int64_t i = 0; i < type.getRank(); ++i)
    extents.push_back(
        type.isDynamicDim(i)
            ? OpFoldResult(tensor::DimOp::create(b, like, i).getResult())
            : OpFoldResult(b.getIndexAttr(type.getDimSize(i))));
  return tensor::ExpandShapeOp::create(
      b, type, matrix,
      ArrayRef<ReassociationIndices>{leading, {type.getRank() - 1}}, extents);
}

/// The address of the first element, as kernels take it.
static Value pointerTo(ImplicitLocOpBuilder &b, Value buffer) {
  Value address =
      memref::ExtractAlignedPointerAsIndexOp::create(b, buffer).getResult();
  Value integer = arith::IndexCastOp::create(b, b.getI64Type(), address);
  return LLVM::IntToPtrOp::create(b, LLVM::LLVMPointerType::get(b.getContext()),
                                  integer);
}

/// y + bias, the bias repeated along the leading dimensions.
static Value addBias(ImplicitLocOpBuilder &b, Value y, Value bias) {
  auto type = cast<RankedTensorType>(y.getType());
  auto biasType = cast<RankedTensorType>(bias.getType());
  if (!biasType.getElementType().isF32())
    bias = arith::ExtFOp::create(b, biasType.clone(b.getF32Type()), bias);
  if (type.getRank() > 1) {
    SmallVector<OpFoldResult> extents = tensor::getMixedSizes(b, b.getLoc(), y);
    Value empty = tensor::EmptyOp::create(b, extents, type.getElementType());
    auto leading = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank() - 1));
    bias = linalg::BroadcastOp::create(b, bias, empty, leading)->getResult(0);
  }
  return arith::AddFOp::create(b, y, bias);
}

static void convert(LinearOp linear, func::FuncOp kernel,
                    const LinearKernelSpec &spec) {
  ImplicitLocOpBuilder b(linear.getLoc(), linear);
  Value x = asMatrix(b, linear.getInput());
  auto xType = cast<RankedTensorType>(x.getType());
  const int64_t rows = xType.getDimSize(0), outputs = spec.layout.rows;
  Value count = tensor::DimOp::create(b, x, 0);
  Value input = bufferization::ToBufferOp::create(
      b, MemRefType::get(xType.getShape(), xType.getElementType()), x,
      /*read_only=*/true);
  auto outputType = MemRefType::get({rows, outputs}, b.getF32Type());
  Value output = memref::AllocOp::create(
      b, outputType,
      ShapedType::isDynamic(rows) ? ValueRange(count) : ValueRange());

  SmallVector<Value> arguments = {pointerTo(b, input)};
  for (const Component &component : spec.layout.components()) {
    auto type = MemRefType::get(
        component.shape, componentElementType(b.getContext(), component.type));
    arguments.push_back(pointerTo(
        b, ComponentOp::create(b, type, linear.getWeight(),
                               b.getStringAttr(StringRef(component.suffix)))));
  }
  arguments.push_back(pointerTo(b, output));
  arguments.push_back(arith::IndexCastOp::create(b, b.getI64Type(), count));
  func::CallOp::create(b, kernel, arguments);

  Value y = bufferization::ToTensorOp::create(b, xType.clone({rows, outputs}),
                                              output, /*restrict=*/true,
                                              /*writable=*/true);
  y = fromMatrix(b, y, linear.getInput(), linear.getOutput().getType());
  if (Value bias = linear.getBias())
    y = addBias(b, y, bias);
  linear.replaceAllUsesWith(y);
  linear.erase();
}

namespace {
struct ConvertLinearToCPU : impl::ConvertLinearToCPUBase<ConvertLinearToCPU> {
  using ConvertLinearToCPUBase::ConvertLinearToCPUBase;

  void runOnOperation() override {
    Result<std::vector<CpuTarget>> variants =
        resolveVariants(cpu, features, triple);
    if (!variants) {
      emitError(getOperation().getLoc()) << variants.error().message;
      return signalPassFailure();
    }
    Kernels kernels(getOperation(), *variants);
    SmallVector<LinearOp> linears;
    getOperation().walk([&](LinearOp linear) { linears.push_back(linear); });
    getOperation().walk([](PermuteChannelsOp permute) {
      ImplicitLocOpBuilder b(permute.getLoc(), permute);
      permute.replaceAllUsesWith(lowerPermuteChannels(b, permute));
      permute.erase();
    });
    for (LinearOp linear : linears) {
      Result<LinearKernelSpec> spec =
          kernelSpecOf(linear.getWeight().getType(), exact);
      if (!spec) {
        emitRemark(linear.getLoc(), "stays, because ") << spec.error().message;
        ++keptLinears;
        continue;
      }
      func::FuncOp kernel = kernels.get(linear, *spec);
      if (!kernel)
        return signalPassFailure();
      convert(linear, kernel, *spec);
      ++convertedLinears;
    }
    emittedKernels += kernels.emitted();
  }
};
} // namespace
} // namespace qopt::cpu
