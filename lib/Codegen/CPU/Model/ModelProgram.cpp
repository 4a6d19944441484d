//===- ModelProgram.cpp - a model as a list of steps ----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "ModelProgram.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Dialect/QOpt/QOptOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "llvm/ADT/DenseMap.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

static tl::unexpected<Error> errorAt(Operation *op, const std::string &reason) {
  std::string place = "unknown location";
  if (auto file = op->getLoc()->findInstanceOf<FileLineColLoc>())
    place = str(file.getFilename().str(), ":", file.getLine(), ":",
                file.getColumn());
  return badInput(place, ": '", op->getName().getStringRef().str(),
                  "': ", reason);
}

bool ModelStep::isElementwise() const {
  return isBias || isa<arith::AddFOp, arith::MulFOp, arith::SubFOp,
                       llm::GatedOp, llm::SoftcapOp>(op);
}

bool ModelStep::isLinear() const { return !isBias && isa<LinearOp>(op); }

static bool isCovered(Operation *op) {
  return isa<llm::EmbeddingOp, llm::RmsNormOp, llm::RopeOp, llm::AttentionOp,
             llm::GatedOp, llm::SoftcapOp, llm::SliceOp, llm::RouteOp,
             llm::DispatchOp, llm::CombineOp, LinearOp, PermuteChannelsOp,
             arith::AddFOp, arith::MulFOp, arith::SubFOp>(op);
}

/// Columns of a tensor<?xCxf32>, or nothing.
static std::optional<int64_t> hiddenColumns(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || tensor.getRank() != 2 || !tensor.isDynamicDim(0) ||
      tensor.isDynamicDim(1) || !tensor.getElementType().isF32())
    return std::nullopt;
  return tensor.getDimSize(1);
}

namespace qopt::cpu {
/// Walks a function and what it calls.
class ProgramFlattener {
public:
  ProgramFlattener(ModuleOp module, ModelProgram &program)
      : module(module), program(program) {}

  /// What an SSA value is: a number of a value, the tokens or positions of the
  /// call, the cache, or a weight.
  struct Meaning {
    enum Kind { Activation, Tokens, Positions, Cache, Weight } kind;
    int value = -1;
    std::string symbol = {};
  };
  using Scope = llvm::DenseMap<Value, Meaning>;

  /// Adds the steps of a function; the meanings of its results.
  Result<std::vector<Meaning>> flatten(func::FuncOp function,
                                       std::vector<Meaning> arguments) {
    if (function.isExternal() || !function.getBody().hasOneBlock())
      return errorAt(function, "only functions of one block are compiled");
    if (++depth > 64)
      return errorAt(function, "calls are nested too deeply");
    Scope scope;
    Block &body = function.getBody().front();
    for (auto [argument, meaning] : llvm::zip(body.getArguments(), arguments))
      scope[argument] = meaning;
    for (Operation &op : body.without_terminator())
      QOPT_CHECK(add(&op, scope));
    std::vector<Meaning> results;
    for (Value result : body.getTerminator()->getOperands()) {
      if (!scope.count(result))
        return errorAt(function, "returns what is not compiled");
      results.push_back(scope[result]);
    }
    --depth;
    return results;
  }

private:
  Status add(Operation *op, Scope &scope) {
    if (auto load = dyn_cast<ml_program::GlobalLoadConstOp>(op)) {
      scope[op->getResult(0)] = {Meaning::Weight, -1,
                                 load.getGlobal().getLeafReference().str()};
      return {};
    }
    if (auto call = dyn_cast<func::CallOp>(op)) {
      auto callee = module.lookupSymbol<func::FuncOp>(call.getCallee());
      if (!callee)
        return errorAt(op, "calls a function that is not in the module");
      std::vector<Meaning> arguments;
      for (Value operand : op->getOperands()) {
        if (!scope.count(operand))
          return errorAt(op, "passes what is not compiled");
        arguments.push_back(scope[operand]);
      }
      QOPT_ASSIGN(auto results, flatten(callee, std::move(arguments)));
      for (auto [value, meaning] : llvm::zip(op->getResults(), results))
        scope[value] = meaning;
      return {};
    }
    return addStep(op, scope);
  }

  Status addStep(Operation *op, Scope &scope) {
    if (!isCovered(op))
      return errorAt(op, "compiled code does not do this op");
    std::optional<int64_t> columns = hiddenColumns(op->getResult(0).getType());
    if (!columns)
      return errorAt(op, "compiled code holds activations as "
                         "tensor<?xCxf32> only");
    ModelStep step;
    step.op = op;
    for (Value operand : op->getOperands()) {
      auto meaning = scope.find(operand);
      if (meaning == scope.end())
        return errorAt(op, "reads what is not compiled");
      if (meaning->second.kind == Meaning::Activation)
        step.inputs.push_back(meaning->second.value);
      else if (meaning->second.kind == Meaning::Weight)
        step.weights.push_back(meaning->second.symbol);
    }
    if (step.weights.size() != weightOperands(op))
      return errorAt(op, "compiled code wants weights, and nothing else, to be "
                         "globals of the module");
    step.output = program.values.size();
    program.values.push_back({*columns});
    if (isa<llm::DispatchOp>(op))
      program.values.back().dispatch = step.output;
    else if (!isa<llm::CombineOp>(op) && !step.inputs.empty())
      program.values.back().dispatch =
          program.values[step.inputs.front()].dispatch;
    scope[op->getResult(0)] = {Meaning::Activation, step.output};
    const int result = step.output;
    program.allSteps.push_back(std::move(step));
    if (auto linear = dyn_cast<LinearOp>(op); linear && linear.getBias()) {
      ModelStep &product = program.allSteps.back();
      ModelStep bias;
      bias.op = op;
      bias.isBias = true;
      bias.inputs = {result};
      bias.weights = {product.weights.pop_back_val()};
      bias.output = program.values.size();
      program.values.push_back(program.values[result]);
      scope[op->getResult(0)] = {Meaning::Activation, bias.output};
      program.allSteps.push_back(std::move(bias));
    }
    return {};
  }

  /// How many operands of an op are weights.
  static size_t weightOperands(Operation *op) {
    if (auto linear = dyn_cast<LinearOp>(op))
      return linear.getBias() ? 2 : 1;
    return isa<llm::EmbeddingOp, llm::RmsNormOp>(op) ? 1 : 0;
  }

  ModuleOp module;
  ModelProgram &program;
  int depth = 0;
};
} // namespace qopt::cpu

Result<ModelProgram> ModelProgram::build(ModuleOp module, bool oneToken) {
  auto symbol =
      module->getAttrOfType<FlatSymbolRefAttr>(llm::LLMDialect::kEntry);
  auto entry = symbol ? module.lookupSymbol<func::FuncOp>(symbol.getValue())
                      : func::FuncOp();
  if (!entry)
    return badInput("the module holds no model: it has no ",
                    llm::LLMDialect::kEntry.str());
  FunctionType type = entry.getFunctionType();
  std::optional<int64_t> columns = type.getNumResults() == 1
                                       ? hiddenColumns(type.getResult(0))
                                       : std::nullopt;
  if (type.getNumInputs() != 3 || !columns ||
      !isa<llm::KVCacheType>(type.getInput(2)))
    return errorAt(entry, "the entry of a model has the type (tensor<?xi32>, "
                          "tensor<?xi32>, !llm.kv_cache) -> tensor<?xVxf32>");
  ModelProgram program;
  using Meaning = ProgramFlattener::Meaning;
  ProgramFlattener flattener(module, program);
  QOPT_ASSIGN(auto results, flattener.flatten(entry, {{Meaning::Tokens},
                                                      {Meaning::Positions},
                                                      {Meaning::Cache}}));
  if (results.front().kind != Meaning::Activation)
    return errorAt(entry, "returns no activations");
  program.logits = results.front().value;
  program.logitColumns = *columns;
  program.trimAfterLastAttention();
  program.fuse(oneToken);
  QOPT_CHECK(program.place());
  program.placeBarriers();
  return program;
}

void ModelProgram::trimAfterLastAttention() {
  auto last = llvm::find_if(llvm::reverse(allSteps), [](ModelStep &step) {
    return isa<llm::AttentionOp>(step.op);
  });
  for (auto step = last.base(); step != allSteps.end(); ++step) {
    // Rope and embedding ask for the position of a row.
    if (isa<llm::RopeOp, llm::EmbeddingOp>(step->op))
      return;
  }
  for (auto step = last.base(); step != allSteps.end(); ++step) {
    step->trimmed = true;
    values[step->output].trimmed = true;
  }
}
