//===- FuseOneToken.cpp - fewer steps for a single token ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     n = rms_norm(h)                  g = linear(norm h),
//     g = linear(n), u = linear(n)        then u = linear(norm h),
//     a = gated(g, u)                     then a = gated(g, u)
//     d = linear(a)                    d = linear(a), then e = h + d
//     e = h + d
//
//===----------------------------------------------------------------------===//
#include "ModelProgram.h"

#include "qopt/Dialect/LLM/LLMOps.h"

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

  void run() {
    for (size_t i = 0; i < steps.size(); ++i)
      if (isa<llm::RmsNormOp>(steps[i].op))
        fuseNorm(i);
    for (size_t i = 0; i < steps.size(); ++i)
      if (!gone[i] && isFusible(steps[i]))
        extend(i);
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

  void fuseNorm(int index) {
    const ModelStep &norm = steps[index];
    const int input = norm.inputs[0];
    auto weight = cast<llm::RmsNormOp>(norm.op).getWeight().getType();
    const std::vector<int> &readers = users[norm.output];
    if (weight.getDimSize(0) != values[input].columns || readers.empty() ||
        !llvm::all_of(readers, [&](int i) { return isFusible(steps[i]); }))
      return;
    for (int reader : readers) {
      steps[reader].norm = norm.op;
      steps[reader].normWeight = norm.weights[0];
      steps[reader].inputs[0] = input;
    }
    gone[index] = true;
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
           users[other.output].size() == 1 && other.inputs == linear.inputs &&
           other.norm == linear.norm && other.normWeight == linear.normWeight &&
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

void ModelProgram::fuseForOneToken() { Fusion(allSteps, values).run(); }
