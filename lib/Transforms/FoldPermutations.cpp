//===- FoldPermutations.cpp - channels made in the order wanted -----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// With P a permutation of channels and f a function of each element,
//
//   P f(x, y) = f(P x, P y)      P (x Wᵀ + b) = x (W[order, :])ᵀ + b[order]
//
// so a permutation goes up through elementwise ops and slices into the weights
// of linears, if nobody else sees the channels on the way.
//
//===----------------------------------------------------------------------===//
#include "FoldPermutations.h"
#include "PassSupport.h"
#include "ViewSteps.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Dialect/QOpt/QOptOps.h"
#include "qopt/Transforms/ScaleFolds.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/MapVector.h"

#include <numeric>

using namespace mlir;
using namespace qopt;

using Order = SmallVector<int64_t>;

static bool isElementwise(Operation *op) {
  return op->hasTrait<OpTrait::Elementwise>() ||
         isa<llm::GatedOp, llm::SoftcapOp>(op);
}

namespace {
/// What one permutation would do to weights.
class Fold {
public:
  Fold(SymbolTable &symbols, const WeightReads &reads)
      : symbols(symbols), reads(reads) {}

  /// Whether `value`, of which channel order[i] is wanted as channel i by
  /// `reader` alone, can be made so.
  bool reaches(Value value, ArrayRef<int64_t> order, Operation *reader);
  void apply(ModuleOp module);

private:
  bool reachesSlice(llm::SliceOp slice, ArrayRef<int64_t> order);
  bool reachesLinear(LinearOp linear, ArrayRef<int64_t> order);
  /// The global that `weight` loads, if nobody else does and its rows (of a
  /// vector: its entries) can be moved.
  ml_program::GlobalOp ownWeight(Value weight) const;

  SymbolTable &symbols;
  const WeightReads &reads;
  llvm::MapVector<Operation *, Order> rows; // of each global
  llvm::DenseSet<Value> reached;
};
} // namespace

bool Fold::reaches(Value value, ArrayRef<int64_t> order, Operation *reader) {
  if (!llvm::all_of(value.getUsers(),
                    [&](Operation *user) { return user == reader; }))
    return false;
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (!reached.insert(value).second)
    return true;
  if (auto linear = dyn_cast<LinearOp>(op))
    return reachesLinear(linear, order);
  if (auto slice = dyn_cast<llm::SliceOp>(op))
    return reachesSlice(slice, order);
  return isElementwise(op) && llvm::all_of(op->getOperands(), [&](Value x) {
           return x.getType() == value.getType() && reaches(x, order, op);
         });
}

/// The channels of the slice, among those that the linear makes; others are for
/// slices elsewhere.
bool Fold::reachesSlice(llm::SliceOp slice, ArrayRef<int64_t> order) {
  auto linear = slice.getInput().getDefiningOp<LinearOp>();
  if (!linear)
    return false;
  const int64_t first = slice.getOffset(), end = first + order.size();
  auto isElsewhere = [&](Operation *user) {
    auto other = dyn_cast<llm::SliceOp>(user);
    if (!other || other == slice)
      return other == slice;
    const int64_t begin = other.getOffset();
    return begin >= end ||
           begin + other.getOutput().getType().getDimSize(1) <= first;
  };
  if (!llvm::all_of(linear->getUsers(), isElsewhere))
    return false;
  Order whole(linear.getOutputSize());
  std::iota(whole.begin(), whole.end(), 0);
  for (auto [index, from] : llvm::enumerate(order))
    whole[first + index] = first + from;
  return reachesLinear(linear, whole);
}

bool Fold::reachesLinear(LinearOp linear, ArrayRef<int64_t> order) {
  for (Value weight : {Value(linear.getWeight()), Value(linear.getBias())}) {
    if (!weight)
      continue;
    ml_program::GlobalOp global = ownWeight(weight);
    if (!global)
      return false;
    // Through two slices a weight is reached twice.
    auto [known, isNew] = rows.try_emplace(global, order);
    if (isNew)
      continue;
    Order before = known->second;
    for (auto [index, from] : llvm::enumerate(order))
      known->second[index] = before[from];
  }
  return true;
}

ml_program::GlobalOp Fold::ownWeight(Value weight) const {
  auto load = weight.getDefiningOp<ml_program::GlobalLoadConstOp>();
  if (!load)
    return {};
  auto global =
      symbols.lookup<ml_program::GlobalOp>(load.getGlobal().getLeafReference());
  if (!global || !global.getValueAttr() || reads.count(global) != 1)
    return {};
  auto view = dyn_cast<ViewAttr>(global.getValueAttr());
  const bool isClipped = view && !view.getSteps().empty() &&
                         isa<ClipAttr>(view.getSteps().getValue().back());
  return isClipped ? ml_program::GlobalOp() : global;
}

/// A quantized weight stays one, of its scheme; a layout of rows that have
/// moved is no longer that layout.
static Type movedType(ShapedType type) {
  if (auto packed = dyn_cast<PackedType>(type))
    return QuantType::get(type.getContext(), type.getShape(),
                          type.getElementType(), packed.getScheme());
  return type;
}

void Fold::apply(ModuleOp module) {
  for (auto &[op, order] : rows) {
    auto global = cast<ml_program::GlobalOp>(op);
    auto type = cast<ShapedType>(global.getType());
    const Axis axis = type.getRank() == 1 ? Axis::Columns : Axis::Rows;
    addViewStep(
        module, global,
        PermuteAttr::get(module.getContext(), axis,
                         DenseI64ArrayAttr::get(module.getContext(), order)),
        movedType(type));
  }
}

int64_t qopt::foldPermutations(ModuleOp module) {
  SymbolTable symbols(module);
  WeightReads reads(module);
  SmallVector<PermuteChannelsOp> permutations;
  module.walk([&](PermuteChannelsOp op) { permutations.push_back(op); });
  int64_t count = 0;
  for (PermuteChannelsOp permute : permutations) {
    Fold fold(symbols, reads);
    if (!fold.reaches(permute.getInput(), permute.getOrder(), permute))
      continue;
    fold.apply(module);
    permute.getOutput().replaceAllUsesWith(permute.getInput());
    permute.erase();
    ++count;
  }
  return count;
}
