//===- PlaceValues.cpp - where values lie in the arena -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// First fit in the order of the steps. A place is free again after the last
// step that reads its value.
//
//===----------------------------------------------------------------------===//
#include "ModelProgram.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

namespace {

/// The columns of the arena that are taken at the moment.
class Arena {
public:
  /// Takes the first hole of so many columns; where it begins.
  int64_t hold(int value, int64_t columns) {
    columns = (columns + 15) / 16 * 16;
    int64_t begin = 0;
    auto next = held.begin();
    for (; next != held.end() && next->begin - begin < columns; ++next)
      begin = next->end;
    held.insert(next, {begin, begin + columns, value});
    most = std::max(most, begin + columns);
    return begin;
  }
  /// The place of one value becomes that of another.
  void handOver(int from, int to) {
    for (Interval &each : held)
      if (each.value == from)
        each.value = to;
  }
  void release(int value) {
    llvm::erase_if(held, [&](Interval &each) { return each.value == value; });
  }
  /// Columns that it must have.
  int64_t columns() const { return most; }

private:
  struct Interval {
    int64_t begin, end;
    int value;
  };
  std::vector<Interval> held; // by begin
  int64_t most = 0;
};

/// Calls `visit` with a step and those that are done with it.
void forEachPart(const ModelStep &step,
                 llvm::function_ref<void(const ModelStep &)> visit) {
  visit(step);
  for (const ModelStep &part : step.then)
    visit(part);
}

} // namespace

/// The last step that reads each value, -1: none.
static std::vector<int> lastReaders(llvm::ArrayRef<ModelStep> steps,
                                    size_t values) {
  std::vector<int> last(values, -1);
  for (auto [index, step] : llvm::enumerate(steps))
    forEachPart(step, [&, index = index](const ModelStep &part) {
      for (int input : part.inputs)
        last[input] = int(index);
    });
  return last;
}

/// An input of a part of `step` whose place its output can take, because
/// nothing reads the input afterwards and every thread reads only the elements
/// that it writes; -1: none.
int ModelProgram::replacedInput(const ModelStep &step, const ModelStep &part,
                                llvm::function_ref<bool(int)> endsHere) const {
  if (!part.isElementwise())
    return -1;
  const ModelValue &output = values[part.output];
  for (int input : part.inputs) {
    int uses = 0;
    forEachPart(step, [&](const ModelStep &other) {
      uses += llvm::count(other.inputs, input);
    });
    if (endsHere(input) && uses == llvm::count(part.inputs, input) &&
        values[input].columns == output.columns &&
        values[input].trimmed == output.trimmed)
      return input;
  }
  return -1;
}

Status ModelProgram::place() {
  const std::vector<int> lastReader = lastReaders(allSteps, values.size());
  if (lastReader[logits] >= 0)
    return badInput("the model uses its logits once more");
  Arena held;
  for (auto [index, step] : llvm::enumerate(allSteps)) {
    auto endsHere = [&, index = index](int value) {
      return lastReader[value] == int(index);
    };
    forEachPart(step, [&, &step = step](const ModelStep &part) {
      if (part.output == logits)
        return;
      ModelValue &output = values[part.output];
      if (int input = replacedInput(step, part, endsHere); input >= 0) {
        held.handOver(input, part.output);
        output.place = values[input].place;
      } else {
        output.place = held.hold(part.output, output.columns);
      }
    });
    forEachPart(step, [&](const ModelStep &part) {
      for (int input : part.inputs)
        if (endsHere(input))
          held.release(input);
      if (part.output != logits && lastReader[part.output] < 0)
        held.release(part.output);
    });
  }
  arena = held.columns();
  return {};
}
