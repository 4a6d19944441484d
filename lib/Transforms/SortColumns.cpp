//===- SortColumns.cpp - quantized weights in act-order -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Column i of the weight is column order[i] of the stored one, S. So
//
//   y = Σ_i x[i] W[:, i] = Σ_i x[i] S[:, order[i]] = Σ_j x[order⁻¹[j]] S[:, j]
//
//===----------------------------------------------------------------------===//
#include "qopt/Transforms/SortColumns.h"

#include "FoldPermutations.h"
#include "PassSupport.h"
#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Transforms/Passes.h"

#include "llvm/ADT/DenseMap.h"

namespace qopt {
#define GEN_PASS_DEF_SORTCOLUMNS
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

/// The permutation of a quantized weight's columns if that is all its view
/// does; null otherwise.
static PermuteAttr permutationOf(ml_program::GlobalOp global) {
  auto view = dyn_cast_or_null<ViewAttr>(global.getValueAttr());
  if (!view || !weightScheme(view.getOf()) || view.getSteps().size() != 1)
    return {};
  auto permute = dyn_cast<PermuteAttr>(view.getSteps()[0]);
  return permute && permute.getAxis() == Axis::Columns ? permute
                                                       : PermuteAttr();
}

/// order⁻¹
static DenseI64ArrayAttr inverse(DenseI64ArrayAttr order) {
  SmallVector<int64_t> result(order.size());
  for (auto [index, from] : llvm::enumerate(order.asArrayRef()))
    result[from] = int64_t(index);
  return DenseI64ArrayAttr::get(order.getContext(), result);
}

namespace {

using LinearsOfWeights =
    llvm::DenseMap<StringAttr, std::optional<SmallVector<LinearOp>>>;

/// The linears that read each global; nothing where something else does, too.
LinearsOfWeights findLinears(ModuleOp module) {
  LinearsOfWeights result;
  module.walk([&](ml_program::GlobalLoadConstOp load) {
    auto &linears =
        result.try_emplace(load.getGlobal().getLeafReference(), std::in_place)
            .first->second;
    for (Operation *user : load->getUsers()) {
      auto linear = dyn_cast<LinearOp>(user);
      if (linear && linears && linear.getWeight() == load.getResult())
        linears->push_back(linear);
      else
        linears.reset();
    }
  });
  return result;
}

struct SortColumnsPass : qopt::impl::SortColumnsBase<SortColumnsPass> {
  void runOnOperation() override {
    SortedColumns sorted = sortColumns(getOperation());
    sortedWeights += sorted.weights;
    foldedPermutations += sorted.foldedPermutations;
  }
};

} // namespace

bool qopt::hasPermutedWeights(ModuleOp module) {
  return llvm::any_of(module.getOps<ml_program::GlobalOp>(),
                      [](auto global) { return permutationOf(global); });
}

SortedColumns qopt::sortColumns(ModuleOp module) {
  if (!hasPermutedWeights(module))
    return {};
  LinearsOfWeights linearsOf = findLinears(module);
  llvm::DenseMap<std::pair<Value, Attribute>, Value> permuted;
  SortedColumns result;
  for (auto global : module.getOps<ml_program::GlobalOp>()) {
    PermuteAttr permute = permutationOf(global);
    if (!permute)
      continue;
    auto found = linearsOf.find(global.getSymNameAttr());
    if (found == linearsOf.end())
      continue; // nobody reads it
    if (!found->second) {
      emitRemark(global.getLoc())
          << "@" << global.getSymName()
          << ": its columns stay in act-order, as floats: not only linears "
             "read it";
      continue;
    }
    DenseI64ArrayAttr order = inverse(permute.getOrder());
    for (LinearOp linear : *found->second) {
      Value x = linear.getInput();
      Value &shared = permuted[{x, order}];
      if (!shared) {
        OpBuilder builder(linear);
        builder.setInsertionPointAfterValue(x);
        shared = PermuteChannelsOp::create(builder, linear.getLoc(),
                                           x.getType(), x, order);
      }
      linear.getInputMutable().assign(shared);
    }
    auto view = cast<ViewAttr>(global.getValueAttr());
    setWeight(module, global, view.getBase(), view.getOf());
    ++result.weights;
  }
  result.foldedPermutations = foldPermutations(module);
  return result;
}
