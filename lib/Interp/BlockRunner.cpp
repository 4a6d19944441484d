//===- BlockRunner.cpp - runs a model block by block ----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Interp/BlockRunner.h"
#include "Program.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/IO/MappedFile.h"
#include "qopt/IO/ScratchMemory.h"
#include "qopt/Interp/LanguageModel.h"

#include <numeric>

using namespace mlir;
using namespace qopt;

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

/// The functions with `llm.block`, in order.
static Result<std::vector<func::FuncOp>> numberedBlocks(ModuleOp module) {
  std::map<int64_t, func::FuncOp> byNumber;
  for (auto function : module.getOps<func::FuncOp>())
    if (auto number =
            function->getAttrOfType<IntegerAttr>(llm::LLMDialect::kBlock))
      if (!byNumber.emplace(number.getInt(), function).second)
        return tl::unexpected(errorAt(
            function, str("another function is also block ", number.getInt())));
  std::vector<func::FuncOp> blocks;
  for (auto [number, function] : byNumber) {
    if (number != int64_t(blocks.size()))
      return tl::unexpected(
          errorAt(function, str("is block ", number, ", but there is no block ",
                                blocks.size())));
    blocks.push_back(function);
  }
  return blocks;
}

/// Checks that the k-th call of a block in the entry calls block k on the
/// hidden states, with nothing between it and the call before.
static Status checkCall(const BlockStructure &structure, func::CallOp call) {
  int64_t index = structure.calls.size();
  auto wrong = [&](const auto &...reason) {
    return tl::unexpected(errorAt(call, str(reason...)));
  };
  if (index == int64_t(structure.blocks.size()) ||
      call.getCallee() != func::FuncOp(structure.blocks[index]).getSymName())
    return wrong("blocks must be called once each, in order; expected ",
                 index == int64_t(structure.blocks.size())
                     ? std::string("no further block")
                     : "block " + std::to_string(index));
  auto isHidden = [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.getRank() == 2 && tensor.getElementType().isF32();
  };
  if (call.getNumOperands() == 0 || call.getNumResults() != 1 ||
      !isHidden(call.getOperand(0).getType()) ||
      call.getResult(0).getType() != call.getOperand(0).getType())
    return wrong("a block takes the hidden states as its first argument and "
                 "returns them as its only result");
  for (mlir::Value operand : call.getOperands().drop_front())
    if (!isa<BlockArgument>(operand))
      return wrong("a block takes the hidden states and arguments of the "
                   "entry, nothing else");
  if (index > 0) {
    func::CallOp before = structure.calls.back();
    if (call.getOperand(0) != before.getResult(0) ||
        call->getPrevNode() != before || !before->hasOneUse())
      return wrong("a block must follow the one before it at once, and be the "
                   "only reader of its result");
  }
  return {};
}

Result<BlockStructure> BlockStructure::find(ModuleOp module) {
  BlockStructure structure;
  QOPT_ASSIGN(structure.entry, findEntry(module));
  QOPT_ASSIGN(structure.blocks, numberedBlocks(module));
  if (!structure.entry) {
    for (auto function : module.getOps<func::FuncOp>())
      if (!function.isExternal() && !function->hasAttr(llm::LLMDialect::kBlock))
        structure.blocks.push_back(function);
    return structure;
  }
  if (structure.blocks.empty()) {
    structure.blocks.push_back(structure.entry);
    return structure;
  }
  for (Operation &op : structure.entry.getBody().front()) {
    auto call = dyn_cast<func::CallOp>(op);
    auto callee = call ? module.lookupSymbol<func::FuncOp>(call.getCallee())
                       : func::FuncOp();
    if (!callee || !callee->hasAttr(llm::LLMDialect::kBlock))
      continue;
    QOPT_CHECK(checkCall(structure, call));
    structure.calls.push_back(call);
  }
  if (structure.calls.size() != structure.blocks.size())
    return tl::unexpected(errorAt(
        structure.entry,
        str("calls ", structure.calls.size(), " of ", structure.blocks.size(),
            " blocks; expected embedding, then every block once in "
            "order, then norm and head")));
  return structure;
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

Result<BlockRunner> BlockRunner::create(Interpreter &interpreter,
                                        BlockStructure structure) {
  if (!structure.entry)
    return internalError("a module without an entry cannot be calibrated");
  BlockRunner runner(interpreter, std::move(structure));
  std::vector<func::CallOp> &calls = runner.structure.calls;
  if (calls.empty())
    return runner;
  func::FuncOp entry = runner.structure.entry;
  Block &body = entry.getBody().front();
  QOPT_ASSIGN(runner.prelude, interpreter.prepare(entry, body.begin(),
                                                  calls.front()->getIterator(),
                                                  body.getArguments(),
                                                  calls.front().getOperand(0)));
  llvm::SmallVector<mlir::Value> arguments(body.getArguments());
  arguments.push_back(calls.back().getResult(0));
  QOPT_ASSIGN(runner.tail,
              interpreter.prepare(entry, std::next(calls.back()->getIterator()),
                                  std::prev(body.end()), arguments,
                                  body.getTerminator()->getOperands()));
  return runner;
}

Status BlockRunner::forEachBatch(int64_t maxRows, BatchTask task) {
  int64_t firstRow = 0;
  for (size_t first = 0; first < samples.size();) {
    std::vector<int32_t> tokens;
    std::vector<int64_t> counts;
    size_t last = first;
    for (; last < samples.size(); ++last) {
      if (last > first &&
          int64_t(tokens.size() + samples[last].size()) > maxRows)
        break;
      counts.push_back(samples[last].size());
      tokens.insert(tokens.end(), samples[last].begin(), samples[last].end());
    }
    KvCache cache(counts.size());
    Indices positions = cache.beginCall(std::move(counts));
    int64_t rows = tokens.size();
    RuntimeValue arguments[] = {makeIndices(std::move(tokens)), positions,
                                &cache};
    QOPT_CHECK(task(firstRow, rows, arguments));
    firstRow += rows;
    first = last;
  }
  return {};
}

bool BlockRunner::exceedsMemory(int64_t columns) {
  int64_t rows = 0;
  for (const std::vector<int32_t> &sample : samples)
    rows += sample.size();
  columns += states.columns();
  const int64_t bytes = rows * columns * int64_t(sizeof(float));
  const bool exceeds =
      bytes > interpreter->services().options().maxMemory / sharers;
  if (exceeds && !saidOnDisk)
    interpreter->services().progress().note(
        str("activations have ", bytes >> 20, " MiB: holding them on disk"));
  saidOnDisk |= exceeds;
  return exceeds;
}

Result<Tensor> BlockRunner::allocate(int64_t rows, int64_t columns) {
  if (!exceedsMemory(columns))
    return Tensor(rows, columns);
  QOPT_ASSIGN(std::shared_ptr<float[]> memory, scratchFloats(rows * columns));
  return Tensor(std::move(memory), rows, columns);
}

/// Rows [first, first + rows) of the hidden states.
Tensor BlockRunner::slice(int64_t first, int64_t rows) const {
  Tensor copy =
      Tensor::copyOf(states.matrix().block(first, 0, rows, states.columns()));
  letGo(first, rows);
  return copy;
}

void BlockRunner::letGo(int64_t first, int64_t rows) const {
  if (onDisk)
    doneReading({reinterpret_cast<const uint8_t *>(states.matrix().row(first)),
                 size_t(rows * states.columns()) * sizeof(float)});
}

std::vector<RuntimeValue>
BlockRunner::blockArguments(int64_t index, int64_t firstRow, int64_t rows,
                            llvm::ArrayRef<RuntimeValue> entryArguments) const {
  if (structure.calls.empty())
    return entryArguments;
  std::vector<RuntimeValue> arguments = {slice(firstRow, rows)};
  func::CallOp call = structure.calls[index];
  for (mlir::Value operand : call.getOperands().drop_front())
    arguments.push_back(
        entryArguments[cast<BlockArgument>(operand).getArgNumber()]);
  return arguments;
}

/// Makes rows from `first` on those of `batch`.
static Status store(Tensor &states, int64_t first, const Tensor &batch) {
  if (batch.columns() != states.columns() ||
      first + batch.rows() > states.rows())
    return badInput("a block returned ", batch.rows(), "x", batch.columns(),
                    " hidden states");
  llvm::copy(batch.values(), states.mutableMatrix().row(first));
  return {};
}

Status BlockRunner::start(std::vector<std::vector<int32_t>> newSamples) {
  samples = std::move(newSamples);
  next = 0;
  states = Tensor();
  if (!prelude)
    return {};
  int64_t total = 0;
  for (const std::vector<int32_t> &sample : samples)
    total += sample.size();
  auto type =
      cast<RankedTensorType>(structure.calls.front().getOperand(0).getType());
  onDisk = exceedsMemory(type.getDimSize(1));
  QOPT_ASSIGN(states, allocate(total, type.getDimSize(1)));
  return forEachBatch(
      rowsPerBatch,
      [&](int64_t first, int64_t rows, llvm::ArrayRef<RuntimeValue> arguments) {
        return interpreter
            ->runToTensor(prelude, {arguments.begin(), arguments.end()})
            .and_then([&](const Tensor &batch) {
              return store(states, first, batch).map([&] {
                letGo(first, rows);
              });
            });
      });
}

Status BlockRunner::keep(int64_t first, llvm::ArrayRef<RuntimeValue> results) {
  if (structure.calls.empty())
    return {}; // the block is the model, and has no hidden states
  if (results.empty())
    return internalError("a block that is stopped has no output");
  const Tensor &output = std::get<Tensor>(results.front());
  QOPT_CHECK(store(states, first, output));
  letGo(first, output.rows());
  return {};
}

Status BlockRunner::run(int64_t index, const RunOptions &options,
                        bool keepOutput) {
  if (index != next || index >= blockCount())
    return internalError("block ", index, " is not the next to run");
  QOPT_ASSIGN(const Program *program, interpreter->prepare(block(index)));
  QOPT_CHECK(forEachBatch(
      rowsPerBatch,
      [&](int64_t first, int64_t rows,
          llvm::ArrayRef<RuntimeValue> entryArguments) -> Status {
        QOPT_ASSIGN(
            std::vector<RuntimeValue> results,
            interpreter->run(program,
                             blockArguments(index, first, rows, entryArguments),
                             options));
        return keepOutput ? keep(first, results) : Status();
      }));
  next += keepOutput;
  return {};
}

Status BlockRunner::runTail(const RunOptions &options) {
  if (!tail)
    return {};
  if (next != blockCount())
    return internalError("the blocks must run before the tail");
  QOPT_ASSIGN(LanguageModel model, LanguageModel::create(*interpreter));
  return forEachBatch(std::min(rowsPerBatch, model.rowsPerBatch()),
                      [&](int64_t first, int64_t rows,
                          llvm::ArrayRef<RuntimeValue> entryArguments) {
                        std::vector<RuntimeValue> arguments(entryArguments);
                        arguments.push_back(slice(first, rows));
                        return interpreter
                            ->run(tail, std::move(arguments), options)
                            .map([](const std::vector<RuntimeValue> &) {});
                      });
}
