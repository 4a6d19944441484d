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
// A qopt.permute_channels in front of it is a launch of its own, whose result
// goes on as it is.
//
//===----------------------------------------------------------------------===//
#include "DispatchTable.h"
#include "HostBuilder.h"
#include "qopt/Codegen/NVPTX/Passes.h"
#include "qopt/Codegen/NVPTX/Targets.h"
#include "qopt/Dialect/QOpt/QOptOps.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/SetVector.h"

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

namespace {

/// Writes the host code of one linear.
class LinearLaunch {
public:
  LinearLaunch(LinearOp op, const LinearSpec &spec, const Target &target)
      : op(op), spec(spec), host(op, target, spec.activation), b(host.b) {}
  /// Replaces the linear by launches of its kernels in `module`.
  void build(StringAttr module, ArrayRef<KernelPlan> plans);

private:
  Value addBias(Value y);
  void launch(StringAttr module, ArrayRef<KernelPlan> plans,
              ValueRange arguments);

  LinearOp op;
  const LinearSpec &spec;
  HostBuilder host;
  ImplicitLocOpBuilder &b;
};

} // namespace

static SymbolRefAttr kernelIn(StringAttr module, StringRef entry) {
  return SymbolRefAttr::get(module,
                            FlatSymbolRefAttr::get(module.getContext(), entry));
}

Value LinearLaunch::addBias(Value y) {
  Value bias = op.getBias();
  auto wide = RankedTensorType::get({spec.rows()}, b.getF32Type());
  if (bias.getType() != wide)
    bias = arith::ExtFOp::create(b, wide, bias);
  auto type = cast<RankedTensorType>(y.getType());
  Value empty = tensor::EmptyOp::create(
      b, type.getShape(), type.getElementType(), host.dynamicRows());
  auto rowsOfBias =
      linalg::BroadcastOp::create(b, bias, empty, ArrayRef<int64_t>{0});
  return arith::AddFOp::create(b, y, rowsOfBias->getResult(0));
}

/// The first kernel that takes M rows: decided here if M is known.
void LinearLaunch::launch(StringAttr module, ArrayRef<KernelPlan> plans,
                          ValueRange arguments) {
  const KernelPlan &plan = plans.front();
  int64_t most = plan.launch.maxRows;
  SymbolRefAttr kernel = kernelIn(module, plan.entry);
  if (most == 0 || (!host.hasDynamicRows() && host.rows <= most))
    return host.launch(kernel, plan.launch, arguments);
  if (!host.hasDynamicRows())
    return launch(module, plans.drop_front(), arguments);
  Value few = arith::CmpIOp::create(b, arith::CmpIPredicate::ule, host.rowCount,
                                    host.index(most));
  auto branch = scf::IfOp::create(b, few, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  host.launch(kernel, plan.launch, arguments);
  b.setInsertionPointToStart(branch.elseBlock());
  launch(module, plans.drop_front(), arguments);
}

void LinearLaunch::build(StringAttr module, ArrayRef<KernelPlan> plans) {
  SmallVector<Value> arguments = {host.enter(op.getInput())};
  for (const Component &component : spec.weight.components()) {
    auto type = MemRefType::get(
        component.shape, componentElementType(b.getContext(), component.type));
    arguments.push_back(host.pointer(ComponentOp::create(
        b, type, op.getWeight(), b.getStringAttr(component.suffix))));
  }
  arguments.push_back(host.output(spec.rows()));
  arguments.push_back(
      arith::IndexCastOp::create(b, b.getI32Type(), host.rowCount));
  launch(module, plans, arguments);
  Value y = host.leave();
  if (op.getBias())
    y = addBias(y);
  op.getOutput().replaceAllUsesWith(
      host.fromMatrix(y, op.getOutput().getType(), op.getInput()));
  op.erase();
}

/// Replaces a permutation of channels by the launch of a kernel in `module`.
static void launchPermute(PermuteChannelsOp op, StringAttr module,
                          const PermutePlan &plan, const Target &target,
                          ActivationType activation) {
  HostBuilder host(op, target, activation);
  ImplicitLocOpBuilder &b = host.b;
  SmallVector<Value> arguments = {host.enter(op.getInput())};
  auto type = RankedTensorType::get({plan.columns}, b.getI32Type());
  Value order = arith::ConstantOp::create(
      b, DenseIntElementsAttr::get(type, SmallVector<int32_t>(op.getOrder())));
  arguments.push_back(host.pointer(bufferization::ToBufferOp::create(
      b, MemRefType::get({plan.columns}, b.getI32Type()), order,
      /*read_only=*/true)));
  arguments.push_back(host.output(plan.columns));
  arguments.push_back(
      arith::IndexCastOp::create(b, b.getI32Type(), host.rowCount));
  host.launch(kernelIn(module, plan.entry), plan.launch, arguments);
  op.getOutput().replaceAllUsesWith(
      host.fromMatrix(host.leave(), op.getOutput().getType(), op.getInput()));
  op.erase();
}

namespace {
struct ConvertLinearToGPU
    : nvptx::impl::ConvertLinearToGPUBase<ConvertLinearToGPU> {
  using ConvertLinearToGPUBase::ConvertLinearToGPUBase;

  void runOnOperation() override {
    Result<Target> found = findTarget(chip.getValue());
    if (!found) {
      emitError(getOperation().getLoc()) << found.error().message;
      return signalPassFailure();
    }
    if (processors < 0) {
      emitError(getOperation().getLoc())
          << "processors must be at least 1, not " << processors.getValue();
      return signalPassFailure();
    }
    if (processors > 0)
      found->processors = processors;
    target = &*found;
    Tuning tuning;
    if (stripes < -1) {
      emitError(getOperation().getLoc())
          << "stripes must be at least 1, 0 for none or -1 for a choice, not "
          << stripes.getValue();
      return signalPassFailure();
    }
    if (stripes >= 0)
      tuning.stripes = stripes;
    for (const std::string &text : warpgroupShapes) {
      Result<WarpgroupShape> shape = parseWarpgroupShape(text);
      if (!shape) {
        emitError(getOperation().getLoc()) << shape.error().message;
        return signalPassFailure();
      }
      tuning.warpgroupShapes.push_back(*shape);
    }
    SmallVector<std::pair<LinearOp, LinearSpec>> linears;
    getOperation().walk([&](LinearOp op) {
      if (std::optional<LinearSpec> spec = specOf(op, activations))
        linears.push_back({op, *spec});
      else
        ++keptLinears;
    });
    if (linears.empty())
      return;
    DispatchTable table(*target);
    gpu::GPUModuleOp kernels = kernelModule();
    permuteInputs(linears, kernels, table);
    llvm::StringMap<std::vector<KernelPlan>> plans; // by the linear's name
    for (auto &[op, spec] : linears) {
      auto [entry, isNew] = plans.try_emplace(spec.name());
      if (isNew) {
        entry->second = planKernels(spec, *target, tuning);
        for (const KernelPlan &plan : entry->second) {
          buildKernel(kernels, op.getLoc(), spec, plan);
          table.add(spec, plan);
          ++emittedKernels;
        }
      }
      ++convertedLinears;
      LinearLaunch(op, spec, *target)
          .build(kernels.getSymNameAttr(), entry->second);
    }
    table.write(kernels);
  }

private:
  /// The module that receives the kernels.
  gpu::GPUModuleOp kernelModule() {
    OpBuilder b(&getContext());
    ModuleOp module = getOperation();
    module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                    b.getUnitAttr());
    b.setInsertionPointToStart(module.getBody());
    auto attribute = NVVM::NVVMTargetAttr::get(&getContext(), /*optLevel=*/3,
                                               "nvptx64-nvidia-cuda",
                                               target->chip, target->features);
    return gpu::GPUModuleOp::create(b, module.getLoc(), "qopt_kernels",
                                    b.getArrayAttr({attribute}));
  }

  /// Permutations of what the linears read, each once.
  void permuteInputs(ArrayRef<std::pair<LinearOp, LinearSpec>> linears,
                     gpu::GPUModuleOp kernels, DispatchTable &table) {
    llvm::SetVector<Operation *> permutes;
    for (LinearOp op : llvm::make_first_range(linears))
      if (auto permute = op.getInput().getDefiningOp<PermuteChannelsOp>())
        permutes.insert(permute);
    llvm::StringMap<PermutePlan> plans;
    for (Operation *op : permutes) {
      auto permute = cast<PermuteChannelsOp>(op);
      PermutePlan plan = planPermute(permute.getOrder().size(), *target);
      if (plans.try_emplace(plan.entry, plan).second) {
        buildPermuteKernel(kernels, op->getLoc(), plan);
        table.add(plan);
        ++emittedKernels;
      }
      launchPermute(permute, kernels.getSymNameAttr(), plan, *target,
                    activations);
    }
  }

  const Target *target = nullptr;
};
} // namespace
