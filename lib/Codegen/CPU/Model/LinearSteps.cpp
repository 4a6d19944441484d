//===- LinearSteps.cpp - calls of linears ---------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// With many rows the runtime shares out the blocks of one linear. With one row
// a thread has a function for a piece of the blocks, which does all that the
// program for one token has fused:
//
//     piece(arguments, firstBlock, endBlock):
//       gate_row(prepared, codes, scales, g, firstBlock, endBlock)
//       up_row(prepared, codes, scales, u, firstBlock, endBlock)
//       gated_silu(g, u, a, 16 firstBlock, min(16 endBlock, N))
//
// Before that, each thread takes the row through norm and permutation and to
// bytes by itself, which is faster than sharing these few microseconds out.
//
//===----------------------------------------------------------------------===//
#include "StepEmitter.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

/// Outputs of a block.
static constexpr int64_t blockRows = 16;

LLVM::LLVMFuncOp StepEmitter::beginInternal(StringRef name,
                                            ArrayRef<Type> parameters) {
  b.setInsertionPointToEnd(module.getBody());
  auto function = LLVM::LLVMFuncOp::create(
      b, name,
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                  parameters),
      LLVM::Linkage::Internal);
  b.setInsertionPointToStart(function.addEntryBlock(b));
  return function;
}

/// QoptRtKernel: loads the addresses of the components and calls the kernel, or
/// the one of a prepared row, which does not ask for the number of rows.
std::string StepEmitter::adaptor(const LinearKernel &kernel, bool row) {
  const std::string &symbol = row ? kernel.row : kernel.symbol;
  std::string name = symbol + "_call";
  if (module.lookupSymbol(name))
    return name;
  OpBuilder::InsertionGuard guard(b);
  LLVM::LLVMFuncOp function =
      beginInternal(name, {pointer, pointer, pointer, i64, i64, i64});
  SmallVector<Value> arguments = {function.getArgument(1)};
  for (int i = 0; i < kernel.components; ++i)
    arguments.push_back(loadPointer(function.getArgument(0), i));
  arguments.push_back(function.getArgument(2));
  for (int i = row ? 4 : 3; i < 6; ++i)
    arguments.push_back(function.getArgument(i));
  callKernel(symbol, arguments);
  LLVM::ReturnOp::create(b, ValueRange{});
  return name;
}

void StepEmitter::emitLinear(const PlannedStep &planned) {
  const ModelStep &step = *planned.step;
  const LinearKernel &kernel = planned.linear;
  Value components =
      offset(weights, constant(8 * planned.weights[0].firstTensor));
  SmallVector<Value> arguments = {call,
                                  thread,
                                  addressOfFunction(adaptor(kernel, false)),
                                  components,
                                  input(step, 0),
                                  output(step),
                                  rowsOf(step),
                                  constant(kernel.blocks),
                                  constant(planned.number)};
  if (kernel.row.empty())
    return runtime("qopt_rt_linear", arguments);
  // Linears of the same x share what is prepared, each thread for itself.
  Preparation wanted = {step.inputs[0], step.trimmed, kernel.preparation};
  Value prepare = LLVM::ZeroOp::create(b, pointer);
  if (wanted != prepared)
    prepare = addressOfFunction(kernel.prepare);
  prepared = wanted;
  arguments.append(
      {prepare, addressOfFunction(adaptor(kernel, true)), preparedRow});
  runtime("qopt_rt_linear_prepared", arguments);
}

//===----------------------------------------------------------------------===//
// One row
//===----------------------------------------------------------------------===//

/// Of a planned step and what follows it.
template <typename Body>
static void forParts(const PlannedStep &planned, Body body) {
  body(planned);
  for (const PlannedStep &each : planned.then)
    body(each);
}

/// How many addresses the piece of a step takes.
static int64_t countArguments(const PlannedStep &planned) {
  int64_t count = 0;
  forParts(planned, [&](const PlannedStep &part) {
    count += 1 + part.step->inputs.size() +
             std::max<int64_t>(part.linear.components, part.weights.size());
  });
  return count;
}

void StepEmitter::allocateRows() {
  int64_t preparedBytes = 0, pieceBytes = 0;
  std::vector<int64_t> columnsBefore;
  std::map<std::string, int64_t> ways;
  for (const PlannedStep &planned : steps) {
    preparedBytes = std::max(preparedBytes, planned.linear.preparedBytes);
    pieceBytes = std::max(pieceBytes, 8 * countArguments(planned));
    if (planned.before.size() > columnsBefore.size())
      columnsBefore.resize(planned.before.size());
    for (size_t i = 0; i < planned.before.size(); ++i)
      columnsBefore[i] =
          std::max(columnsBefore[i], columnsOf(*planned.step, 0));
    forParts(planned, [&](const PlannedStep &part) {
      if (!part.linear.row.empty())
        ways[part.linear.preparation] = part.linear.preparedBytes;
    });
  }
  if (preparedBytes > 0)
    preparedRow = allocate(preparedBytes);
  pieceArguments = allocate(pieceBytes);
  for (int64_t columns : columnsBefore)
    rowsBefore.push_back(
        {allocate((columns + blockRows) * int64_t(sizeof(float)))});
  for (const auto &[way, bytes] : ways)
    preparedRows[way].memory = allocate(bytes);
}

/// A barrier before a step. Threads that wait fetch the codes that they will
/// start the next linear with.
void StepEmitter::emitBarrier(size_t stepIndex, bool fetchesAhead) {
  auto next = llvm::find_if(
      steps.drop_front(stepIndex), [&](const PlannedStep &planned) {
        return planned.codeBytes > 0 &&
               program.value(planned.step->output).dispatch < 0;
      });
  if (!fetchesAhead || next == steps.end())
    return runtime("qopt_rt_barrier", {call, thread});
  runtime("qopt_rt_barrier_fetching",
          {call, thread, weight(next->weights[0]),
           constant(next->linear.blocks),
           constant(next->codeBytes / next->linear.blocks)});
}

/// x of a linear, behind what comes before it.
Value StepEmitter::multipliedRow(const PlannedStep &planned) {
  Value row = input(*planned.step, 0);
  for (auto [before, own] : llvm::zip_first(planned.before, rowsBefore)) {
    if (own.value != before.step->output)
      callRowWise(before, row, own.memory, constant(int64_t(0)),
                  constant(int64_t(1)));
    own.value = before.step->output;
    row = own.memory;
  }
  return row;
}

/// What a kernel takes in place of x.
Value StepEmitter::preparedFor(const PlannedStep &planned,
                               const LinearKernel &kernel) {
  if (kernel.row.empty())
    return multipliedRow(planned);
  OwnRow &row = preparedRows[kernel.preparation];
  const int value = planned.step->multiplied();
  if (row.value != value)
    callKernel(kernel.prepare, {multipliedRow(planned), row.memory});
  row.value = value;
  return row.memory;
}

/// QoptRtPiece: the kernels of a step and of what follows it, for the addresses
/// that emitFused lists in this order.
std::string StepEmitter::pieceFunction(const PlannedStep &planned) {
  std::string name = "piece";
  forParts(planned, [&](const PlannedStep &part) {
    const bool linear = part.step->isLinear();
    name += "." + (linear ? part.linear.symbol
                          : str(part.kernel, "_n",
                                program.value(part.step->output).columns));
  });
  if (module.lookupSymbol(name))
    return name;
  OpBuilder::InsertionGuard guard(b);
  LLVM::LLVMFuncOp function = beginInternal(name, {pointer, i64, i64});
  Value first = function.getArgument(1), end = function.getArgument(2);
  int64_t number = 0;
  forParts(planned, [&](const PlannedStep &part) {
    const ModelStep &step = *part.step;
    SmallVector<Value> arguments;
    auto take = [&](int64_t count) {
      for (int64_t i = 0; i < count; ++i)
        arguments.push_back(loadPointer(function.getArgument(0), number++));
    };
    if (!step.isLinear()) {
      take(step.inputs.size() + part.weights.size() + 1);
      arguments.push_back(times(first, blockRows));
      arguments.push_back(smaller(
          times(end, blockRows), constant(program.value(step.output).columns)));
      return callKernel(part.kernel, arguments);
    }
    take(1 + part.linear.components + 1);
    if (part.linear.row.empty())
      arguments.push_back(constant(int64_t(1))); // M
    arguments.append({first, end});
    callKernel(part.linear.row.empty() ? part.linear.symbol : part.linear.row,
               arguments);
  });
  LLVM::ReturnOp::create(b, ValueRange{});
  return name;
}

void StepEmitter::emitFused(const PlannedStep &planned) {
  std::string piece = pieceFunction(planned);
  int64_t number = 0;
  auto put = [&](Value address) {
    LLVM::StoreOp::create(b, address,
                          offset(pieceArguments, constant(8 * number++)));
  };
  forParts(planned, [&](const PlannedStep &part) {
    if (part.step->isLinear()) {
      put(preparedFor(planned, part.linear));
      for (int i = 0; i < part.linear.components; ++i)
        put(loadPointer(weights, part.weights[0].firstTensor + i));
    } else {
      for (size_t i = 0; i < part.step->inputs.size(); ++i)
        put(input(*part.step, i));
      for (const WeightUse &use : part.weights)
        put(weight(use));
    }
    put(output(*part.step));
  });
  runtime("qopt_rt_linear_row",
          {call, thread, addressOfFunction(piece), pieceArguments,
           constant(planned.linear.blocks), constant(planned.number)});
}
