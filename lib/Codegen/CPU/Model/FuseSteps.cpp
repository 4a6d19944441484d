//===- FuseSteps.cpp - fewer steps, and barriers between them -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// For one token:
//
//     n = rms_norm(h)                  g = linear(permute norm h),
//     p = permute(n)                      then u = linear(permute norm h),
//     g = linear(p), u = linear(p)        then a = gated(g, u)
//     a = gated(g, u)                  d = linear(a), then e = h + d
//     d = linear(a)
//     e = h + d
//
// For many:
//
//     n = rms_norm(h)                  p = permute rms_norm(h)
//     p = permute(n)
//
//===----------------------------------------------------------------------===//
#include "ModelProgram.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Dialect/QOpt/QOptOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

namespace {
class Fusion {
public:
  Fusion(std::vector<ModelStep> &steps, const std::vector<ModelValue> &values)
      : steps(steps), values(values), gone(steps.size()),
        producer(values.size(), -1), users(values.size()) {
    for (auto [index, step] : llvm::enumerate(steps)) {
      producer[step.output] = int(index);
      for (int input : step.inputs)
        users[input].push_back(int(index));
    }
  }

  void run(bool oneToken) {
    if (oneToken) {
      for (size_t i = steps.size(); i-- > 0;)
        if (isNormOfRows(steps[i]) || isPermutation(steps[i]))
          moveIntoReaders(i);
      for (size_t i = 0; i < steps.size(); ++i)
        if (!gone[i] && isFusible(steps[i]))
          extend(i);
    }
    for (size_t i = 0; i < steps.size(); ++i)
      if (!gone[i] && isNormOfRows(steps[i]))
        takePermutation(i);
    size_t kept = 0;
    for (size_t i = 0; i < steps.size(); ++i)
      if (!gone[i])
        std::swap(steps[kept++], steps[i]);
    steps.resize(kept);
  }

private:
  /// Linears that have their one row in any case; experts may have none.
  bool isFusible(const ModelStep &step) const {
    return step.isLinear() && values[step.output].dispatch < 0;
  }

  static bool isPermutation(const ModelStep &step) {
    return isa<PermuteChannelsOp>(step.op);
  }
  bool isNormOfRows(const ModelStep &step) const {
    auto norm = dyn_cast<llm::RmsNormOp>(step.op);
    return norm && norm.getWeight().getType().getDimSize(0) ==
                       values[step.inputs[0]].columns;
  }

  /// If only linears read the result.
  void moveIntoReaders(int index) {
    const ModelStep &step = steps[index];
    const int input = step.inputs[0];
    const std::vector<int> &readers = users[step.output];
    if (readers.empty() ||
        !llvm::all_of(readers, [&](int i) { return isFusible(steps[i]); }))
      return;
    for (int reader : readers) {
      ModelStep &linear = steps[reader];
      linear.before.insert(linear.before.begin(), step);
      linear.inputs[0] = input;
    }
    llvm::erase(users[input], index);
    llvm::append_range(users[input], readers);
    gone[index] = true;
  }

  void takePermutation(int index) {
    ModelStep &norm = steps[index];
    if (users[norm.output].size() != 1)
      return;
    const int reader = users[norm.output][0];
    if (gone[reader] || !isPermutation(steps[reader]) ||
        steps[reader].trimmed != norm.trimmed)
      return;
    norm.permutation = steps[reader].op;
    norm.output = steps[reader].output;
    gone[reader] = true;
  }

  /// Appends what consumes the linear's outputs, and nothing else does.
  void extend(int index) {
    ModelStep &linear = steps[index];
    while (users[linear.result()].size() == 1) {
      const int next = users[linear.result()][0];
      if (gone[next] || !steps[next].isElementwise())
        return;
      std::vector<int> partners;
      for (int input : steps[next].inputs) {
        const int from = producer[input];
        // What the linear has, or what was there before it.
        if (input == linear.result() || from < index)
          continue;
        if (!isPartner(steps[index], from))
          return;
        partners.push_back(from);
      }
      for (int each : partners)
        take(linear, each);
      take(linear, next);
    }
  }

  bool isPartner(const ModelStep &linear, int index) const {
    const ModelStep &other = steps[index];
    return !gone[index] && isFusible(other) && other.then.empty() &&
           users[other.output].size() == 1 &&
           other.multiplied() == linear.multiplied() &&
           values[other.output].columns == values[linear.output].columns;
  }

  void take(ModelStep &linear, int index) {
    gone[index] = true;
    linear.then.push_back(steps[index]);
  }

  std::vector<ModelStep> &steps;
  const std::vector<ModelValue> &values;
  std::vector<bool> gone;
  std::vector<int> producer; // of each value; -1: none
  std::vector<std::vector<int>> users;
};
} // namespace

void ModelProgram::fuse(bool oneToken) {
  Fusion(allSteps, values).run(oneToken);
}
