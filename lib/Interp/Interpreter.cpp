//===- Interpreter.cpp - runs programs ------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Interp/Interpreter.h"
#include "Program.h"

using namespace mlir;
using namespace qopt;

Interpreter::Interpreter(ModuleOp module,
                         std::shared_ptr<QuantizationContext> services,
                         Options options)
    : root(module), context(std::move(services)),
      store(module, *context, options.maxMemory) {}

Interpreter::~Interpreter() = default;

/// Whether a value can be an argument of this type.
static Status checkArgument(const RuntimeValue &value, Type type) {
  auto tensorType = dyn_cast<RankedTensorType>(type);
  if (auto *tensor = std::get_if<Tensor>(&value)) {
    if (!tensorType || !tensorType.getElementType().isF32() ||
        tensorType.getRank() < 1)
      return badInput("is an f32 tensor");
    int64_t columns = tensorType.getShape().back(), rows = 1;
    for (int64_t extent : tensorType.getShape().drop_back())
      rows = extent < 0 || rows < 0 ? -1 : rows * extent;
    if ((columns >= 0 && columns != tensor->columns()) ||
        (rows >= 0 && rows != tensor->rows()))
      return badInput("is a tensor of ", tensor->rows(), " rows and ",
                      tensor->columns(), " columns");
  } else if (auto *indices = std::get_if<Indices>(&value)) {
    if (!tensorType || !tensorType.getElementType().isInteger(32) ||
        tensorType.getRank() != 1)
      return badInput("is an i32 vector");
    if (!tensorType.isDynamicDim(0) &&
        tensorType.getDimSize(0) != int64_t((*indices)->size()))
      return badInput("has ", (*indices)->size(), " elements");
  } else if (std::holds_alternative<KvCache *>(value) && tensorType) {
    return badInput("is a cache");
  }
  return {};
}

namespace {
enum class Outcome { Finished, Stopped };
} // namespace

static Result<Outcome> execute(Interpreter &interpreter, const Program &program,
                               const RunOptions &options,
                               std::vector<RuntimeValue> arguments,
                               std::vector<RuntimeValue> &results) {
  Frame frame{interpreter, options,
              std::vector<RuntimeValue>(program.slotCount)};
  for (auto [slot, argument] : llvm::zip_equal(program.arguments, arguments))
    frame.slots[slot] = std::move(argument);
  // The caller's list must not keep intermediate tensors alive.
  arguments.clear();

  for (const Step &step : program.steps) {
    if (step.callee) {
      std::vector<RuntimeValue> passed, returned;
      for (int slot : step.operands)
        passed.push_back(frame.slots[slot]);
      for (int slot : step.dead)
        frame.slots[slot] = {};
      QOPT_ASSIGN(Outcome outcome, execute(interpreter, *step.callee, options,
                                           std::move(passed), returned));
      if (outcome == Outcome::Stopped)
        return outcome;
      for (auto [slot, value] : llvm::zip_equal(step.results, returned))
        if (!llvm::is_contained(step.dead, slot))
          frame.slots[slot] = std::move(value);
    } else {
      Result<RuntimeValue> value = step.kernel(frame, step);
      if (!value)
        return tl::unexpected(errorAt(step.op, value.error()));
      if (!step.results.empty())
        frame.slots[step.results.front()] = std::move(*value);
      for (int slot : step.dead)
        frame.slots[slot] = {};
    }
    if (step.op == options.stopAfter)
      return Outcome::Stopped;
  }
  for (int slot : program.results)
    results.push_back(frame.slots[slot]);
  return Outcome::Finished;
}

Result<std::vector<RuntimeValue>>
Interpreter::run(const Program *program, std::vector<RuntimeValue> arguments,
                 const RunOptions &options) {
  if (arguments.size() != program->argumentTypes.size())
    return badInput(program->name, " takes ", program->argumentTypes.size(),
                    " arguments, but got ", arguments.size());
  for (auto [index, argument] : llvm::enumerate(arguments))
    if (Status fits = checkArgument(argument, program->argumentTypes[index]);
        !fits) {
      std::string type;
      llvm::raw_string_ostream(type) << program->argumentTypes[index];
      return badInput("argument ", index, " of ", program->name, " ",
                      fits.error().message, ", but its type is ", type);
    }
  std::vector<RuntimeValue> results;
  QOPT_ASSIGN(Outcome outcome,
              execute(*this, *program, options, std::move(arguments), results));
  if (outcome == Outcome::Stopped)
    results.clear();
  for (RuntimeValue &result : results)
    if (auto *weight = std::get_if<WeightReference>(&result)) {
      QOPT_ASSIGN(result, store.get(weight->symbol));
    }
  return results;
}

Result<Tensor> Interpreter::runToTensor(const Program *program,
                                        std::vector<RuntimeValue> arguments,
                                        const RunOptions &options) {
  QOPT_ASSIGN(std::vector<RuntimeValue> results,
              run(program, std::move(arguments), options));
  if (results.size() != 1 || !std::holds_alternative<Tensor>(results.front()))
    return badInput(program->name, " must have one f32 tensor as its result");
  return std::get<Tensor>(std::move(results.front()));
}
