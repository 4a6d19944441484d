//===- ModelCompiler.cpp - a whole model as one function ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Codegen/CPU/ModelCompiler.h"
#include "../KernelSpec.h"
#include "ForwardEmitter.h"

#include "qopt/Codegen/CPU/Passes.h"
#include "qopt/Dialect/LLM/RopeScalingAttr.h"
#include "qopt/Dialect/QOpt/QOptOps.h"
#include "qopt/IO/Json.h"
#include "qopt/Transforms/SortColumns.h"
#include "qopt_rt_abi.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassManager.h"

#include <map>

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

namespace {
class Compiler {
public:
  Compiler(ModuleOp source, QuantizationContext &services,
           const CpuTarget &target, const ModelCompilerOptions &options)
      : source(source), target(target), options(options),
        weights(source, services) {}

  Result<CompiledModel> run();

private:
  OwningOpRef<ModuleOp> beginModule();
  Result<PlannedProgram> plan(const ModelProgram &program,
                              ModelKernels &kernels);
  Result<PlannedStep> planStep(const ModelStep &step, ModelKernels &kernels);
  Status planFused(PlannedStep &planned, ModelKernels &kernels);
  Status planLinear(PlannedStep &planned, LinearOp linear,
                    ModelKernels &kernels);
  int64_t ropeNumber(llm::RopeOp rope);
  int64_t cacheNumber(llm::AttentionOp attention);
  std::string describe(const PlannedProgram &program,
                       const PlannedProgram &oneToken) const;
  Status lower(ModuleOp kernels);
  void setTarget(ModuleOp kernels);

  ModuleOp source;
  const CpuTarget &target;
  const ModelCompilerOptions &options;
  ModelWeights weights;
  // Numbers in the program that is being planned: linears and caches. Programs
  // share caches, and counters, because one runs at a time.
  int64_t nextLinear = 0, nextCache = 0;
  int64_t linears = 0; // counters
  std::vector<llm::RopeOp> ropes;
  std::vector<llm::AttentionOp> caches;
  std::map<std::string, int> decoded; // scheme → linears
};
} // namespace

OwningOpRef<ModuleOp> Compiler::beginModule() {
  MLIRContext *context = source.getContext();
  context->loadDialect<amx::AMXDialect, arith::ArithDialect, func::FuncDialect,
                       LLVM::LLVMDialect, memref::MemRefDialect,
                       scf::SCFDialect, vector::VectorDialect>();
  OwningOpRef<ModuleOp> module(
      ModuleOp::create(source.getLoc(), kernelModuleName));
  (*module)->setAttr(LLVM::LLVMDialect::getTargetTripleAttrName(),
                     StringAttr::get(context, target.triple()));
  return module;
}

Status Compiler::planLinear(PlannedStep &planned, LinearOp linear,
                            ModelKernels &kernels) {
  auto hasKernel = [&](PackedType type) {
    return kernelSpecOf(type, options.exact).has_value();
  };
  QOPT_ASSIGN(WeightUse use, weights.useInLinear(planned.step->weights[0],
                                                 hasKernel, options.repack));
  auto type = cast<ShapedType>(linear.getWeight().getType());
  if (use.form == WeightUse::Form::Packed) {
    planned.linear = kernels.linear(linear.getLoc(),
                                    *kernelSpecOf(use.packed, options.exact));
  } else {
    if (use.form == WeightUse::Form::F32)
      ++decoded[weightScheme(type).mnemonicName()];
    planned.linear = kernels.denseLinear(
        linear.getLoc(),
        use.form == WeightUse::Form::F32 ? GgufType::F32 : use.rowType,
        type.getDimSize(0), type.getDimSize(1), options.exact);
  }
  planned.weights = {use};
  planned.label =
      StringRef(planned.linear.symbol).drop_back(strlen("_blocks")).str();
  planned.number = nextLinear++;
  linears = std::max(linears, nextLinear);
  planned.codeBytes = weights.tensors()[use.firstTensor].bytes;
  for (int i = 0; i < planned.linear.components; ++i)
    planned.bytes += double(weights.tensors()[use.firstTensor + i].bytes);
  planned.operations = 2. * double(type.getNumElements());
  return {};
}

int64_t Compiler::ropeNumber(llm::RopeOp rope) {
  for (auto [index, known] : llvm::enumerate(ropes))
    if (known.getTheta() == rope.getTheta() &&
        known.getRotatedChannels() == rope.getRotatedChannels() &&
        known.getScalingAttr() == rope.getScalingAttr() &&
        known.getInterleaved() == rope.getInterleaved())
      return index;
  ropes.push_back(rope);
  return ropes.size() - 1;
}

int64_t Compiler::cacheNumber(llm::AttentionOp attention) {
  if (nextCache == int64_t(caches.size()))
    caches.push_back(attention);
  return nextCache++;
}

Result<PlannedStep> Compiler::planStep(const ModelStep &step,
                                       ModelKernels &kernels) {
  PlannedStep planned;
  planned.step = &step;
  Operation *op = step.op;
  Location location = op->getLoc();
  int64_t columns =
      cast<RankedTensorType>(op->getResult(0).getType()).getDimSize(1);
  if (step.isBias) {
    planned.kernel = kernels.bias(location, columns);
  } else if (auto linear = dyn_cast<LinearOp>(op)) {
    QOPT_CHECK(planLinear(planned, linear, kernels));
  } else if (auto norm = dyn_cast<llm::RmsNormOp>(op)) {
    planned.kernel = kernels.rmsNorm(
        location, norm.getWeight().getType().getDimSize(0),
        norm.getEps().convertToFloat(),
        norm.getOffset() ? norm.getOffset()->convertToFloat() : 0,
        /*permutes=*/step.permutation);
    if (auto permute = dyn_cast_or_null<PermuteChannelsOp>(step.permutation))
      planned.order = kernels.order(location, permute.getOrderAttr());
  } else if (auto slice = dyn_cast<llm::SliceOp>(op)) {
    planned.kernel =
        kernels.slice(location, slice.getInput().getType().getDimSize(1),
                      slice.getOffset(), columns);
  } else if (auto permute = dyn_cast<PermuteChannelsOp>(op)) {
    planned.kernel = kernels.permute(location, columns);
    planned.order = kernels.order(location, permute.getOrderAttr());
  } else if (isa<llm::EmbeddingOp>(op)) {
    QOPT_ASSIGN(WeightUse use, weights.useAsRows(step.weights[0]));
    planned.weights = {use};
    planned.label = "embedding";
  } else if (auto rope = dyn_cast<llm::RopeOp>(op)) {
    planned.number = ropeNumber(rope);
    planned.label = "rope";
  } else if (auto attention = dyn_cast<llm::AttentionOp>(op)) {
    planned.number = cacheNumber(attention);
    planned.label = "attention";
  } else if (isa<llm::RouteOp, llm::DispatchOp, llm::CombineOp>(op)) {
    planned.label = op->getName().stripDialect().str();
  } else {
    planned.kernel = kernels.elementwise(op);
  }
  if (step.isBias || isa<llm::RmsNormOp>(op)) {
    QOPT_ASSIGN(WeightUse use, weights.useAsF32(step.weights[0]));
    planned.weights = {use};
  }
  if (planned.label.empty())
    planned.label = planned.kernel;
  QOPT_CHECK(planFused(planned, kernels));
  return planned;
}

/// What is done along with a step.
Status Compiler::planFused(PlannedStep &planned, ModelKernels &kernels) {
  const ModelStep &step = *planned.step;
  for (const ModelStep &each : llvm::reverse(step.before)) {
    QOPT_ASSIGN(PlannedStep part, planStep(each, kernels));
    planned.before.insert(planned.before.begin(), std::move(part));
    planned.label =
        (isa<llm::RmsNormOp>(each.op) ? "norm+" : "permute+") + planned.label;
  }
  for (const ModelStep &next : step.then) {
    QOPT_ASSIGN(PlannedStep part, planStep(next, kernels));
    if (next.isBias) // of a single row
      part.kernel = kernels.sum(next.op->getLoc());
    planned.bytes += part.bytes;
    planned.operations += part.operations;
    StringRef name = next.isBias       ? "bias"
                     : next.isLinear() ? "linear"
                                       : StringRef(part.label);
    name.consume_front("qopt_");
    planned.label += "+" + name.str();
    planned.then.push_back(std::move(part));
  }
  return {};
}

Result<PlannedProgram> Compiler::plan(const ModelProgram &program,
                                      ModelKernels &kernels) {
  PlannedProgram planned{&program, {}};
  nextLinear = nextCache = 0;
  for (const ModelStep &step : program.steps()) {
    QOPT_ASSIGN(PlannedStep each, planStep(step, kernels));
    planned.steps.push_back(std::move(each));
  }
  return planned;
}

/// The description that qopt's runtime reads (runtime/lib/Cpu/CompiledModel.h).
std::string Compiler::describe(const PlannedProgram &program,
                               const PlannedProgram &oneToken) const {
  std::string name;
  int64_t context = 0;
  if (auto config =
          source->getAttrOfType<DictionaryAttr>(llm::LLMDialect::kConfig)) {
    if (auto text = config.getAs<StringAttr>("name"))
      name = text.getValue().str();
    if (auto length = config.getAs<IntegerAttr>("max_position_embeddings"))
      context = length.getInt();
  }
  JsonWriter json;
  json.beginObject()
      .member("abi", int64_t(QOPT_RT_ABI))
      .member("name", name)
      .member("cpu", target.cpu())
      .member("vocabulary", program.program->vocabulary())
      .member("context", context)
      .member("arena_columns", std::max(program.program->arenaColumns(),
                                        oneToken.program->arenaColumns()))
      .member("linears", linears);
  double bytes = 0, operations = 0;
  for (const PlannedStep &step : program.steps) {
    bytes += step.bytes;
    operations += step.operations;
  }
  json.member("bytes_per_token", bytes)
      .member("operations_per_token", operations);
  json.key("weights").beginArray();
  for (const WeightTensor &tensor : weights.tensors())
    json.beginObject()
        .member("tensor", tensor.name)
        .member("bytes", tensor.bytes)
        .endObject();
  json.endArray().key("caches").beginArray();
  for (llm::AttentionOp op : caches) {
    int64_t kvHeads = op.getKvHeads();
    json.beginObject()
        .member("kv_heads", kvHeads)
        .member("head_dim",
                cast<RankedTensorType>(op.getKey().getType()).getDimSize(1) /
                    kvHeads)
        .member("window", int64_t(op.getWindow().value_or(0)))
        .endObject();
  }
  json.endArray().key("ropes").beginArray();
  for (llm::RopeOp op : ropes) {
    RopeScaling scaling = llm::ropeScalingOf(op.getScalingAttr());
    auto frequencies = [&](std::string_view key, RopeLength length) {
      json.key(key).beginArray();
      for (float each :
           ropeFrequencies(op.getRotatedChannels(),
                           op.getTheta().convertToDouble(), scaling, length))
        json.value(double(each));
      json.endArray();
    };
    const bool isLong = scaling.kind == RopeScaling::Kind::LongRope;
    json.beginObject()
        .member("interleaved", bool(op.getInterleaved()))
        .member("magnitude", scaling.magnitude)
        .member("original_context", isLong ? scaling.originalContext : 0);
    frequencies("frequencies", RopeLength::Short);
    if (isLong)
      frequencies("long_frequencies", RopeLength::Long);
    json.endObject();
  }
  json.endArray();
  if (!options.archive.empty())
    json.member("archive", options.archive);
  if (!options.tokenizer.empty())
    json.member("tokenizer", options.tokenizer);
  if (options.profile) {
    auto both = [&](std::string_view key, auto value) {
      json.key(key).beginArray();
      for (const PlannedProgram *each : {&program, &oneToken})
        for (const PlannedStep &step : each->steps)
          json.value(value(step));
      json.endArray();
    };
    both("steps", [](const PlannedStep &step) { return step.label; });
    both("step_bytes", [](const PlannedStep &step) { return step.bytes; });
  }
  return json.endObject().text();
}

/// LLVM selects the instructions of the target for functions that say so.
void Compiler::setTarget(ModuleOp kernels) {
  MLIRContext *context = kernels.getContext();
  SmallVector<StringRef> features(target.features().begin(),
                                  target.features().end());
  for (Operation &op : *kernels.getBody()) {
    if (!isa<func::FuncOp, LLVM::LLVMFuncOp>(op))
      continue;
    op.setAttr("target_cpu", StringAttr::get(context, target.cpu()));
    if (!features.empty())
      op.setAttr("target_features",
                 LLVM::TargetFeaturesAttr::get(context, features));
  }
}

Status Compiler::lower(ModuleOp kernels) {
  PassManager manager(kernels.getContext());
  buildKernelLoweringPipeline(manager);
  if (failed(manager.run(kernels)))
    return internalError("the kernels of the model cannot be lowered");
  return {};
}

Result<CompiledModel> Compiler::run() {
  QOPT_ASSIGN(ModelProgram manyTokens, ModelProgram::build(source, false));
  QOPT_ASSIGN(ModelProgram oneToken, ModelProgram::build(source, true));
  OwningOpRef<ModuleOp> module = beginModule();
  ModelKernels kernels(*module, target);
  QOPT_ASSIGN(PlannedProgram many, plan(manyTokens, kernels));
  QOPT_ASSIGN(PlannedProgram one, plan(oneToken, kernels));
  setTarget(*module);
  QOPT_CHECK(lower(*module));
  emitForward(*module, modelForwardName, many, one, /*profile=*/false);
  if (options.profile)
    emitForward(*module, modelProfileName, many, one, /*profile=*/true);
  setTarget(*module);
  std::string description = describe(many, one);
  emitDescription(*module, description);
  std::vector<std::string> notes;
  notes.reserve(decoded.size());
  for (const auto &[scheme, count] : decoded)
    notes.push_back(str(count, " of ", scheme));
  return CompiledModel{std::move(module), std::move(description),
                       std::move(weights), std::move(notes)};
}

Result<CompiledModel>
qopt::cpu::compileModel(ModuleOp module, QuantizationContext &services,
                        const CpuTarget &target,
                        const ModelCompilerOptions &options) {
  OwningOpRef<ModuleOp> sorted;
  if (hasPermutedWeights(module)) {
    sorted = module.clone();
    sortColumns(*sorted);
    module = *sorted;
  }
  QOPT_ASSIGN(CompiledModel result,
              Compiler(module, services, target, options).run());
  result.sorted = std::move(sorted);
  return result;
}
