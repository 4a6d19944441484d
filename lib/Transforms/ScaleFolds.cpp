//===- ScaleFolds.cpp - which scales of linear inputs fold away ----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Every channel of every value that is scaled has a variable. Ops tie variables
// of operands and results together; where two are tied to one, they become one
// (union-find). Variable 0 is the scale 1.
//
//===----------------------------------------------------------------------===//
#include "qopt/Transforms/ScaleFolds.h"
#include "qopt/Support/Error.h"

#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace qopt;

namespace {

using Variables = SmallVector<int64_t, 0>; // one per channel
constexpr int64_t one = 0;

/// A weight with the variables of its rows or columns.
struct TiedWeight {
  ml_program::GlobalOp weight;
  Operation *reader;
  ScaleAxis axis;
  bool inverse;
  Variables variables;
};

/// A partly solved system. Copied where an op leaves a choice.
class Solver {
public:
  explicit Solver(const WeightReads &reads) : reads(&reads) {}

  /// Scales all channels of a value freely and solves what follows from it.
  bool solve(Value value);
  ScaleFold fold(LinearOp linear);
  const std::string &reason() const { return failure; }

private:
  bool proceed();
  bool follow(Value value, const ScaleWay *way);
  bool apply(Value value, Operation *op, const ScaleWay &way);
  bool isOpen(const ScaleWay &way, Operation *op) const;
  bool scale(Value value, const Variables &variables);
  bool add(const ScaledOperand &scaled, const Variables &of, bool inverse);
  Variables operandVariables(const ScaledOperand &scaled, int64_t count,
                             const Variables &of);
  bool fail(std::string why) {
    failure = std::move(why);
    return false;
  }

  int64_t find(int64_t variable) const {
    while (parents[variable] != variable)
      variable = parents[variable];
    return variable;
  }
  /// The smaller number represents both, so that 1 wins over everything.
  void unite(int64_t a, int64_t b) {
    std::tie(a, b) = std::minmax({find(a), find(b)});
    parents[b] = a;
  }
  bool isUnscaled(const Variables &variables) const {
    return llvm::all_of(variables, [&](int64_t v) { return find(v) == one; });
  }

  const WeightReads *reads;
  SmallVector<int64_t, 0> parents = {one};
  llvm::MapVector<Value, Variables> scaled;
  SmallVector<Value> open; // scaled, but nothing followed from it yet
  SmallVector<TiedWeight, 8> weights;
  std::string failure;
};

std::string opName(Operation *op) { return op->getName().getStringRef().str(); }

} // namespace

bool Solver::solve(Value value) {
  Variables variables;
  for (int64_t c = 0; c < channelCount(value); ++c) {
    variables.push_back(parents.size());
    parents.push_back(parents.size());
  }
  return scale(value, variables) && proceed();
}

bool Solver::scale(Value value, const Variables &variables) {
  if (ShapedType::isDynamic(channelCount(value)))
    return fail("a value on the way has no fixed number of channels");
  auto [place, isNew] = scaled.insert({value, variables});
  if (isNew)
    open.push_back(value);
  else
    for (auto [old, added] : llvm::zip_equal(place->second, variables))
      unite(old, added);
  return true;
}

/// Whether everything that is scaled among the operands of an op is part of a
/// way.
bool Solver::isOpen(const ScaleWay &way, Operation *op) const {
  return llvm::all_of(op->getOpOperands(), [&](OpOperand &operand) {
    return !scaled.contains(operand.get()) ||
           llvm::any_of(way, [&](const ScaledOperand &member) {
             return member.operand == &operand;
           });
  });
}

/// Works through the open values; where an op can scale its result in several
/// ways, the first that leads to a solution is taken.
bool Solver::proceed() {
  while (!open.empty()) {
    Value value = open.pop_back_val();
    if (isUnscaled(scaled.find(value)->second))
      continue;
    Operation *op = value.getDefiningOp();
    if (!op)
      return fail("an argument of the function would have to absorb the "
                  "scales");
    auto interface = dyn_cast<ChannelScaleInterface>(op);
    SmallVector<ScaleWay> ways;
    if (interface)
      ways = interface.getScaleWays();
    llvm::erase_if(ways, [&](const ScaleWay &way) { return !isOpen(way, op); });
    if (ways.empty())
      return fail("'" + opName(op) +
                  "' computes it and cannot absorb the scales");
    if (ways.size() == 1) {
      if (!follow(value, &ways.front()))
        return false;
      continue;
    }
    std::string first;
    for (const ScaleWay &way : ways) {
      Solver attempt = *this;
      if (attempt.follow(value, &way) && attempt.proceed()) {
        *this = std::move(attempt);
        return true;
      }
      if (first.empty())
        first = attempt.failure;
    }
    return fail(std::move(first));
  }
  return true;
}

/// What the scales of a value mean for the op that computes it in some way, and
/// for those that read it.
bool Solver::follow(Value value, const ScaleWay *way) {
  const Variables variables = scaled.find(value)->second;
  for (const ScaledOperand &member : *way)
    if (!add(member, variables, /*inverse=*/true))
      return false;
  for (OpOperand &use : value.getUses()) {
    Operation *reader = use.getOwner();
    auto interface = dyn_cast<ChannelScaleInterface>(reader);
    if (!interface)
      return fail("'" + opName(reader) +
                  "' reads it, too, and cannot undo the scales");
    if (auto compensation = interface.getScaleCompensation(use)) {
      if (!add(*compensation, variables, /*inverse=*/false))
        return false;
      continue;
    }
    bool passed = false;
    for (const ScaleWay &other : interface.getScaleWays()) {
      auto member = llvm::find_if(other, [&](const ScaledOperand &scaled) {
        return scaled.operand == &use;
      });
      if (member == other.end() || member->axis != ScaleAxis::Channels)
        continue;
      Variables result;
      for (int64_t channel : member->channels)
        result.push_back(variables[channel]);
      if (!scale(reader->getResult(0), result))
        return false;
      passed = true;
      break;
    }
    if (!passed)
      return fail("'" + opName(reader) +
                  "' reads it, too, and cannot undo the scales");
  }
  return true;
}

/// The variables of an operand with `count` channels that takes those of
/// another value.
Variables Solver::operandVariables(const ScaledOperand &member, int64_t count,
                                   const Variables &of) {
  Variables variables(count, -1);
  for (auto [variable, channel] : llvm::zip_equal(of, member.channels)) {
    if (variables[channel] < 0)
      variables[channel] = variable;
    else
      unite(variables[channel], variable);
  }
  for (int64_t &variable : variables)
    variable = std::max(variable, one);
  return variables;
}

bool Solver::add(const ScaledOperand &member, const Variables &of,
                 bool inverse) {
  Value value = member.operand->get();
  auto type = cast<ShapedType>(value.getType());
  if (member.axis == ScaleAxis::Channels) {
    if (ShapedType::isDynamic(channelCount(value)))
      return fail("a value on the way has no fixed number of channels");
    return scale(value, operandVariables(member, channelCount(value), of));
  }
  Operation *reader = member.operand->getOwner();
  auto load = value.getDefiningOp<ml_program::GlobalLoadConstOp>();
  auto weight =
      load ? SymbolTable::lookupNearestSymbolFrom<ml_program::GlobalOp>(
                 load, load.getGlobalAttr())
           : ml_program::GlobalOp();
  if (!weight)
    return fail("a weight of '" + opName(reader) +
                "' is not the constant value of an ml_program.global");
  std::string name = "@" + weight.getSymName().str();
  if (!isa<RankedTensorType>(type))
    return fail(name + " is quantized already");
  auto view = dyn_cast_or_null<ViewAttr>(weight.getValueAttr());
  if (view && !view.getSteps().empty() &&
      isa<ClipAttr>(view.getSteps().getValue().back()))
    return fail(name + " is clipped already");
  int64_t count =
      type.getDimSize(member.axis == ScaleAxis::Rows ? 0 : type.getRank() - 1);
  Variables variables = operandVariables(member, count, of);
  if (isUnscaled(variables))
    return true;
  if (reads->count(weight) > 1)
    return fail(name + " is read in another place, too");
  weights.push_back(
      {weight, reader, member.axis, inverse, std::move(variables)});
  return true;
}

/// Numbers the scales in the order in which the linear sees them.
ScaleFold Solver::fold(LinearOp linear) {
  ScaleFold fold;
  fold.linear = linear;
  DenseMap<int64_t, int64_t> numbers;
  numbers[one] = FoldedWeight::unscaled;
  auto number = [&](const Variables &variables) {
    std::vector<int64_t> scales;
    for (int64_t variable : variables)
      scales.push_back(
          numbers.try_emplace(find(variable), int64_t(numbers.size()) - 1)
              .first->second);
    return scales;
  };
  fold.inputScales = number(scaled.find(linear.getInput())->second);
  for (const TiedWeight &tied : weights)
    fold.weights.push_back({tied.weight, tied.reader, tied.axis, tied.inverse,
                            number(tied.variables)});
  fold.scaleCount = int64_t(numbers.size()) - 1;
  // Producers first, each kind in the order of the ops, a matrix before a bias.
  llvm::sort(fold.weights, [](const FoldedWeight &a, const FoldedWeight &b) {
    if (a.inverse != b.inverse)
      return a.inverse;
    if (a.reader != b.reader && a.reader->getBlock() == b.reader->getBlock())
      return a.reader->isBeforeInBlock(b.reader);
    return a.axis < b.axis;
  });
  return fold;
}

std::vector<const FoldedWeight *> ScaleFold::consumers() const {
  std::vector<const FoldedWeight *> result;
  for (const FoldedWeight &folded : weights)
    if (!folded.inverse && isa<LinearOp>(folded.reader))
      result.push_back(&folded);
  return result;
}

std::string ScaleFold::describe() const {
  std::string text[2];
  for (const FoldedWeight &folded : weights) {
    std::string &list = text[!folded.inverse];
    list += list.empty() ? "" : ", ";
    ml_program::GlobalOp weight = folded.weight;
    if (cast<ShapedType>(weight.getType()).getRank() == 2)
      list += folded.axis == ScaleAxis::Rows ? "rows of " : "columns of ";
    list += "@" + weight.getSymName().str();
  }
  return str(scaleCount, " scales divide ", text[0], "; multiply ", text[1]);
}

WeightReads::WeightReads(ModuleOp module) {
  SymbolTable symbols(module);
  module.walk([&](ml_program::GlobalLoadConstOp load) {
    StringAttr name = load.getGlobal().getLeafReference();
    if (auto global = symbols.lookup<ml_program::GlobalOp>(name))
      counts[global] += std::distance(load->use_begin(), load->use_end());
  });
}

ScaleFolds qopt::findScaleFolds(func::FuncOp function,
                                const WeightReads &reads) {
  ScaleFolds result;
  llvm::SetVector<Operation *> folded;
  DenseSet<Value> refused;
  function.walk([&](LinearOp linear) {
    if (folded.contains(linear) || refused.contains(linear.getInput()))
      return;
    Solver solver(reads);
    if (!solver.solve(linear.getInput())) {
      refused.insert(linear.getInput());
      result.refused.push_back({linear, solver.reason()});
      return;
    }
    ScaleFold fold = solver.fold(linear);
    if (fold.scaleCount == 0) {
      refused.insert(linear.getInput());
      result.refused.push_back(
          {linear, "every channel is tied to one that is not scaled"});
      return;
    }
    for (const FoldedWeight *consumer : fold.consumers())
      folded.insert(consumer->reader);
    result.folds.push_back(std::move(fold));
  });
  return result;
}
