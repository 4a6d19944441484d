//===- QuantizationPlan.cpp - which weights are quantized, and with which -===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Transforms/QuantizationPlan.h"

#include "qopt/Dialect/LLM/LLMOps.h"

#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace qopt;

std::string WeightGroup::name() const {
  return ml_program::GlobalOp(weights.front()).getSymName().str();
}

/// The global whose value a linear multiplies with, or null.
static ml_program::GlobalOp weightOf(LinearOp linear) {
  auto load = linear.getWeight().getDefiningOp<ml_program::GlobalLoadConstOp>();
  if (!load)
    return {};
  return SymbolTable::lookupNearestSymbolFrom<ml_program::GlobalOp>(
      load, load.getGlobalAttr());
}

/// Routers are a few rows that decide which experts a token sees: they stay
/// floats unless they are given a type by name.
static bool isRouter(LinearOp linear) {
  return llvm::any_of(linear->getUsers(), llvm::IsaPred<llm::RouteOp>);
}

static PlannedBlock planFunction(func::FuncOp function,
                                 DenseSet<Operation *> &planned) {
  llvm::MapVector<mlir::Value, WeightGroup> groups;
  function.walk([&](LinearOp linear) {
    if (!isa<RankedTensorType>(linear.getWeight().getType()) ||
        isRouter(linear))
      return; // already quantized, or never to be
    ml_program::GlobalOp global = weightOf(linear);
    if (!global) {
      emitRemark(linear.getLoc(),
                 "not quantized: its weight is not the constant value "
                 "of an ml_program.global");
      return;
    }
    if (!planned.insert(global).second)
      return;
    WeightGroup &group = groups[linear.getInput()];
    if (group.weights.empty())
      group.firstLinear = linear;
    group.weights.push_back(global);
  });
  PlannedBlock block{function, {}};
  for (auto &[input, group] : groups)
    block.groups.push_back(std::move(group));
  return block;
}

std::vector<const PlannedBlock *> QuantizationPlan::measuredBlocks() const {
  std::vector<const PlannedBlock *> measured;
  measured.reserve(blocks.size() + 1);
  for (const PlannedBlock &block : blocks)
    measured.push_back(&block);
  if (!tail.groups.empty())
    measured.push_back(&tail);
  return measured;
}

int64_t QuantizationPlan::weightCount() const {
  int64_t count = 0;
  forEachWeight([&](ml_program::GlobalOp) { ++count; });
  return count;
}

void QuantizationPlan::forEachWeight(
    llvm::function_ref<void(ml_program::GlobalOp)> use) const {
  auto visit = [&](const PlannedBlock &block) {
    for (const WeightGroup &group : block.groups)
      for (ml_program::GlobalOp weight : group.weights)
        use(weight);
  };
  for (const PlannedBlock &block : blocks)
    visit(block);
  visit(tail);
}

Result<QuantizationPlan> qopt::planQuantization(ModuleOp module,
                                                bool includeHead) {
  QuantizationPlan plan;
  QOPT_ASSIGN(plan.structure, BlockStructure::find(module));
  DenseSet<Operation *> planned;
  for (func::FuncOp block : plan.structure.blocks)
    plan.blocks.push_back(planFunction(block, planned));
  if (includeHead && plan.structure.entry)
    plan.tail = planFunction(plan.structure.entry, planned);
  return plan;
}

void QuantizationPlan::filter(
    llvm::function_ref<bool(ml_program::GlobalOp)> keep) {
  auto filterBlock = [&](PlannedBlock &block) {
    for (WeightGroup &group : block.groups)
      llvm::erase_if(group.weights, [&](ml_program::GlobalOp weight) {
        return !keep(weight);
      });
    llvm::erase_if(block.groups, [](const WeightGroup &group) {
      return group.weights.empty();
    });
  };
  for (PlannedBlock &block : blocks)
    filterBlock(block);
  filterBlock(tail);
}

Result<std::vector<ml_program::GlobalOp>>
qopt::linearWeights(ModuleOp module, bool includeHead) {
  QOPT_ASSIGN(BlockStructure structure, BlockStructure::find(module));
  llvm::SetVector<Operation *> globals;
  auto visit = [&](func::FuncOp function) {
    function.walk([&](LinearOp linear) {
      ml_program::GlobalOp global = weightOf(linear);
      if (global && !isRouter(linear))
        globals.insert(global);
    });
  };
  for (func::FuncOp block : structure.blocks)
    visit(block);
  if (includeHead && structure.entry)
    visit(structure.entry);
  std::vector<ml_program::GlobalOp> weights;
  for (Operation *global : globals)
    weights.push_back(cast<ml_program::GlobalOp>(global));
  return weights;
}
