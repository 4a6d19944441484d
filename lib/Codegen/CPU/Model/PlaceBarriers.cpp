//===- PlaceBarriers.cpp - where threads wait for each other -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "ModelProgram.h"

#include "qopt/Dialect/LLM/LLMOps.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

void ModelProgram::placeBarriers() {
  struct Access {
    int64_t begin, end;
    int value;
  };
  using Accesses = std::vector<Access>;
  Accesses reads, writes; // since the last barrier
  auto accessOf = [&](int index) -> Access {
    const ModelValue &value = values[index];
    return {value.place, value.place + value.columns, index};
  };
  auto meets = [](const Accesses &list, const Accesses &others) {
    return llvm::any_of(list, [&](const Access &each) {
      return llvm::any_of(others, [&](const Access &other) {
        return each.begin < other.end && other.begin < each.end;
      });
    });
  };
  for (ModelStep &step : allSteps) {
    Accesses read, written;
    auto add = [&](const ModelStep &part) {
      for (int input : part.inputs)
        // A thread reads what it has just written.
        if (llvm::none_of(written, [&](const Access &each) {
              return each.value == input;
            }))
          read.push_back(accessOf(input));
      if (values[part.output].place >= 0)
        written.push_back(accessOf(part.output));
    };
    add(step);
    for (const ModelStep &part : step.then)
      add(part);
    auto needsBarrier = [&](const Accesses &in, const Accesses &out) {
      return meets(in, writes) || meets(out, writes) || meets(out, reads);
    };
    if (isa<llm::AttentionOp>(step.op)) {
      // Attention has a barrier of its own between storing keys and values and
      // the rest. Threads share the heads of keys as rope does.
      Accesses stored = {read[2]};
      if (!isRotated(step.inputs[1]))
        stored.push_back(read[1]);
      step.barrierBefore = needsBarrier(stored, {});
      reads.clear();
      writes.clear();
      read = {read[0]};
    } else {
      step.barrierBefore = needsBarrier(read, written);
      if (step.barrierBefore) {
        reads.clear();
        writes.clear();
      }
    }
    reads.insert(reads.end(), read.begin(), read.end());
    writes.insert(writes.end(), written.begin(), written.end());
  }
}

bool ModelProgram::isRotated(int value) const {
  return llvm::any_of(allSteps, [&](const ModelStep &step) {
    return step.output == value && isa<llm::RopeOp>(step.op);
  });
}
