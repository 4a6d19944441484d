//===- BlockWalk.cpp - through a block, linear by linear ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Interp/BlockWalk.h"
#include "LiveValues.h"
#include "Program.h"

#include "qopt/IO/MappedFile.h"
#include "qopt/IO/ScratchMemory.h"

using namespace mlir;
using namespace qopt;

BlockWalk::BlockWalk(BlockRunner &runner)
    : runner(&runner),
      place(runner.block(runner.position()).getBody().front().begin()) {}

/// Runs the ops before `end` that have not run, on every batch of samples.
Status BlockWalk::runTo(Block::iterator end, ValueRange results, UseBatch use) {
  func::FuncOp function = runner->block(runner->position());
  llvm::SmallVector<mlir::Value> arguments(
      function.getBody().front().getArguments());
  llvm::append_range(arguments, live);
  QOPT_ASSIGN(
      const Program *program,
      runner->interpreter->prepare(function, place, end, arguments, results));
  int64_t batch = 0;
  firstRows.assign(1, 0);
  QOPT_CHECK(runner->forEachBatch(
      BlockRunner::rowsPerBatch,
      [&](int64_t first, int64_t rows,
          llvm::ArrayRef<RuntimeValue> entryArguments) -> Status {
        firstRows.push_back(first + rows);
        Values passed = runner->blockArguments(runner->position(), first, rows,
                                               entryArguments);
        // Values in memory are handed over, so that ops can work in place;
        // those on disk stay until hold() has seen which of them are kept.
        if (!values.empty())
          llvm::append_range(passed,
                             onDisk ? values[batch] : std::move(values[batch]));
        QOPT_ASSIGN(Values computed,
                    runner->interpreter->run(program, std::move(passed)));
        return use(batch++, first, rows, std::move(computed));
      }));
  place = end;
  return {};
}

/// Moves the numbers of a tensor into a file.
static Status moveToDisk(Tensor &tensor) {
  QOPT_ASSIGN(std::shared_ptr<float[]> memory, scratchFloats(tensor.size()));
  Tensor stored(std::move(memory), tensor.rows(), tensor.columns());
  llvm::copy(tensor.values(), stored.mutableValues().begin());
  tensor = std::move(stored);
  return {};
}

/// Keeps the values of a batch until the walk goes on.
Status BlockWalk::hold(int64_t batch, Values results) {
  llvm::SmallVector<const float *, 4> kept;
  for (RuntimeValue &value : results) {
    auto *tensor = std::get_if<Tensor>(&value);
    if (!onDisk || !tensor || tensor->size() == 0)
      continue;
    if (!stored.contains(tensor->values().data()))
      QOPT_CHECK(moveToDisk(*tensor));
    kept.push_back(tensor->values().data());
    doneReading({reinterpret_cast<const uint8_t *>(kept.back()),
                 size_t(tensor->bytes())});
  }
  for (const RuntimeValue &value : values[batch])
    if (auto *tensor = std::get_if<Tensor>(&value))
      stored.erase(tensor->values().data());
  stored.insert_range(kept);
  values[batch] = std::move(results);
  return {};
}

/// f32 numbers that a row of a value has.
static int64_t columnsOf(mlir::Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getRank() > 0 && type.getElementType().isF32()
             ? type.getShape().back()
             : 0;
}

Status BlockWalk::advance(LinearOp linear,
                          llvm::function_ref<Status(const Tensor &input)> use) {
  func::FuncOp function = runner->block(runner->position());
  if (linear->getParentOp() != function ||
      (place != function.getBody().front().begin() &&
       linear->isBeforeInBlock(&*place)))
    return internalError("the linear is behind the walk, or in another block");
  llvm::SetVector<mlir::Value> next = liveAcross(linear);
  llvm::SmallVector<mlir::Value> results(next.getArrayRef());
  results.push_back(linear.getInput());
  int64_t columns = 0;
  for (mlir::Value value : next)
    columns += columnsOf(value);
  // Once on disk, values stay there for this block.
  onDisk |= runner->exceedsMemory(columns);
  values.resize(runner->sampleCount()); // at least one sample makes a batch
  QOPT_CHECK(
      runTo(linear->getIterator(), results,
            [&](int64_t batch, int64_t, int64_t, Values computed) -> Status {
              Tensor input = std::get<Tensor>(computed.back());
              computed.pop_back();
              if (Status status = use(input); !status)
                return tl::unexpected(errorAt(linear, status.error()));
              return hold(batch, std::move(computed));
            }));
  live = std::move(next);
  return {};
}

Tensor BlockWalk::held(mlir::Value value, int64_t batch) const {
  if (isa<BlockArgument>(value)) // the hidden states, which all programs get
    return runner->slice(firstRows[batch],
                         firstRows[batch + 1] - firstRows[batch]);
  const auto *found = llvm::find(live, value);
  assert(found != live.end() && "nothing behind the walk reads it");
  return std::get<Tensor>(values[batch][found - live.begin()]);
}

Status BlockWalk::finish() {
  Block &body = runner->block(runner->position()).getBody().front();
  QOPT_CHECK(runTo(
      std::prev(body.end()), body.getTerminator()->getOperands(),
      [&](int64_t batch, int64_t first, int64_t, Values computed) -> Status {
        if (!values.empty())
          values[batch].clear();
        return runner->keep(first, computed);
      }));
  ++runner->next;
  return {};
}
