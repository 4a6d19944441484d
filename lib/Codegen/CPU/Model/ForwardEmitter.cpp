//===- ForwardEmitter.cpp - the function that runs a program --------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// In the LLVM dialect, since it is all addresses and calls:
//
//     rows = call->rows
//     qopt_rt_embedding(call, thread, weights[0], F16, 256, 1.0, arena + 0)
//     qopt_rt_barrier(call, thread)
//     qopt_rms_norm_n256(arena + 0, weights[1], arena + 256 * rows,
//                        rows * thread / threads, rows * (thread + 1) /
//                        threads)
//     …
//
// A call with a single row goes to a function of its own, of the program for
// one token.
//
//===----------------------------------------------------------------------===//
#include "ForwardEmitter.h"
#include "StepEmitter.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

void StepEmitter::declare(StringRef name, ValueRange arguments, Type result) {
  if (module.lookupSymbol(name))
    return;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(module.getBody());
  SmallVector<Type> types(arguments.getTypes());
  LLVM::LLVMFuncOp::create(b, name, LLVM::LLVMFunctionType::get(result, types));
}

Value StepEmitter::addressOf(int value) {
  const ModelValue &held = program.value(value);
  if (held.place < 0)
    return logits;
  return offset(arena, times(rows, held.place * int64_t(sizeof(float))));
}

Value StepEmitter::input(const ModelStep &step, int number) {
  const ModelValue &value = program.value(step.inputs[number]);
  Value address = addressOf(step.inputs[number]);
  if (value.trimmed || !step.trimmed)
    return address;
  Value skipped = LLVM::SubOp::create(b, rows, outputRows);
  return offset(address,
                times(skipped, value.columns * int64_t(sizeof(float))));
}

std::pair<Value, Value> StepEmitter::share(Value count) {
  Value next = LLVM::AddOp::create(b, thread, constant(int64_t(1)));
  return {LLVM::UDivOp::create(b, times(count, thread), threads),
          LLVM::UDivOp::create(b, times(count, next), threads)};
}

/// Kernels (x, [w,] [order,] y, firstRow, endRow).
void StepEmitter::callRowWise(const PlannedStep &planned, Value x, Value y,
                              Value first, Value end) {
  SmallVector<Value> arguments = {x};
  for (const WeightUse &use : planned.weights)
    arguments.push_back(weight(use));
  if (!planned.order.empty())
    arguments.push_back(LLVM::AddressOfOp::create(
        b, module.lookupSymbol<LLVM::GlobalOp>(planned.order)));
  arguments.append({y, first, end});
  callKernel(planned.kernel, arguments);
}

void StepEmitter::emitRowWise(const PlannedStep &planned,
                              int64_t rowsPerToken) {
  const ModelStep &step = *planned.step;
  auto [first, end] = share(times(rowsOf(step), rowsPerToken));
  callRowWise(planned, input(step, 0), output(step), first, end);
}

/// Kernels (x, [z,] y, firstElement, endElement); threads meet at multiples of
/// 16 elements.
void StepEmitter::emitElementwise(const PlannedStep &planned) {
  const ModelStep &step = *planned.step;
  Value count = times(rowsOf(step), program.value(step.output).columns);
  Value vectors = LLVM::UDivOp::create(
      b, LLVM::AddOp::create(b, count, constant(int64_t(15))),
      constant(int64_t(16)));
  auto [first, end] = share(vectors);
  SmallVector<Value> arguments;
  for (size_t i = 0; i < step.inputs.size(); ++i)
    arguments.push_back(input(step, i));
  arguments.append({output(step), times(first, 16),
                    LLVM::UMinOp::create(b, times(end, 16), count)});
  callKernel(planned.kernel, arguments);
}

void StepEmitter::emitDispatch(const ModelStep &step, llm::DispatchOp op) {
  SmallVector<Value> arguments = {call,
                                  thread,
                                  input(step, 0),
                                  input(step, 1),
                                  output(step),
                                  tokensOf(step),
                                  constant(columnsOf(step, 0)),
                                  constant(columnsOf(step, 1)),
                                  constant(int64_t(op.getExpert()))};
  declare("qopt_rt_dispatch", arguments, i64);
  dispatched[step.output] =
      LLVM::CallOp::create(b, i64, "qopt_rt_dispatch", arguments).getResult();
}

void StepEmitter::emitCombine(const ModelStep &step) {
  const int64_t experts = columnsOf(step, 0);
  Value outputs =
      LLVM::AllocaOp::create(b, pointer, pointer, constant(experts));
  for (int64_t expert = 0; expert < experts; ++expert)
    LLVM::StoreOp::create(b, input(step, 1 + expert),
                          offset(outputs, constant(8 * expert)));
  runtime("qopt_rt_combine",
          {call, thread, input(step, 0), outputs, output(step), tokensOf(step),
           constant(columnsOf(step, 1)), constant(experts)});
}

void StepEmitter::emitStep(const PlannedStep &planned) {
  const ModelStep &step = *planned.step;
  if (step.isBias)
    return emitRowWise(planned, 1);
  if (isa<LinearOp>(step.op))
    return emitLinear(planned);
  if (auto norm = dyn_cast<llm::RmsNormOp>(step.op)) {
    int64_t length = norm.getWeight().getType().getDimSize(0);
    return emitRowWise(planned, columnsOf(step, 0) / length);
  }
  if (isa<llm::SliceOp, PermuteChannelsOp>(step.op))
    return emitRowWise(planned, 1);
  if (auto embedding = dyn_cast<llm::EmbeddingOp>(step.op)) {
    const WeightUse &table = planned.weights[0];
    float scale =
        embedding.getScale() ? embedding.getScale()->convertToFloat() : 1.f;
    return runtime("qopt_rt_embedding",
                   {call, thread, weight(table),
                    constant(int64_t(table.rowType)),
                    constant(program.value(step.output).columns),
                    constant(scale), output(step)});
  }
  if (auto rope = dyn_cast<llm::RopeOp>(step.op))
    return runtime("qopt_rt_rope",
                   {call, thread, constant(planned.number), input(step, 0),
                    output(step), constant(columnsOf(step, 0)),
                    constant(int64_t(rope.getHeadDim()))});
  if (auto attention = dyn_cast<llm::AttentionOp>(step.op))
    return runtime("qopt_rt_attention",
                   {call, thread, constant(planned.number), input(step, 0),
                    input(step, 1), input(step, 2), output(step),
                    constant(int64_t(attention.getHeads())),
                    constant(attention.getScale().convertToFloat()),
                    constant(attention.getSoftcap()
                                 ? attention.getSoftcap()->convertToFloat()
                                 : 0.f)});
  if (auto route = dyn_cast<llm::RouteOp>(step.op))
    return runtime("qopt_rt_route",
                   {call, thread, input(step, 0), output(step), tokensOf(step),
                    constant(columnsOf(step, 0)),
                    constant(int64_t(route.getTopK())),
                    constant(int64_t(route.getNormalize()))});
  if (auto dispatch = dyn_cast<llm::DispatchOp>(step.op))
    return emitDispatch(step, dispatch);
  if (isa<llm::CombineOp>(step.op))
    return emitCombine(step);
  emitElementwise(planned);
}

/// if (rows == 1 && outputRows == 1) return oneToken(call, thread);
void StepEmitter::emitOneTokenBranch(StringRef oneToken) {
  auto isOne = [&](Value count) -> Value {
    return LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::eq, count,
                                constant(int64_t(1)));
  };
  Value both = LLVM::AndOp::create(b, isOne(rows), isOne(outputRows));
  Block *entry = b.getInsertionBlock();
  Block *one = b.createBlock(entry->getParent());
  callKernel(oneToken, {call, thread});
  LLVM::ReturnOp::create(b, ValueRange{});
  Block *many = b.createBlock(entry->getParent());
  b.setInsertionPointToEnd(entry);
  LLVM::CondBrOp::create(b, both, one, many);
  b.setInsertionPointToEnd(many);
}

void StepEmitter::emit(StringRef name, bool profile, int64_t firstMark,
                       StringRef oneToken, bool isOneToken) {
  auto function = LLVM::LLVMFuncOp::create(
      b, name,
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                  {pointer, i64}),
      isOneToken ? LLVM::Linkage::Internal : LLVM::Linkage::External);
  b.setInsertionPointToStart(function.addEntryBlock(b));
  call = function.getArgument(0);
  thread = function.getArgument(1);
  weights = field(Weights, pointer);
  arena = field(Arena, pointer);
  logits = field(Logits, pointer);
  rows = isOneToken ? constant(int64_t(1)) : field(Rows, i64);
  outputRows = isOneToken ? rows : field(OutputRows, i64);
  threads = field(Threads, i64);
  allocateRows();
  if (!oneToken.empty())
    emitOneTokenBranch(oneToken);
  for (auto [index, planned] : llvm::enumerate(steps)) {
    b.setLoc(planned.step->op->getLoc());
    if (planned.step->barrierBefore && !profile)
      emitBarrier(index, /*fetchesAhead=*/isOneToken);
    if (planned.step->isLinear() && isOneToken &&
        program.value(planned.step->output).dispatch < 0)
      emitFused(planned);
    else
      emitStep(planned);
    if (profile) // has a barrier of its own
      runtime("qopt_rt_mark",
              {call, thread, constant(firstMark + int64_t(index))});
  }
  LLVM::ReturnOp::create(b, ValueRange{});
}

void qopt::cpu::emitForward(ModuleOp kernels, StringRef name,
                            const PlannedProgram &program,
                            const PlannedProgram &oneToken, bool profile) {
  std::string oneName = (name + "_one_token").str();
  StepEmitter(kernels, oneToken)
      .emit(oneName, profile, program.steps.size(), "", /*isOneToken=*/true);
  StepEmitter(kernels, program)
      .emit(name, profile, 0, oneName, /*isOneToken=*/false);
}

void qopt::cpu::emitDescription(ModuleOp kernels, StringRef text) {
  OpBuilder b = OpBuilder::atBlockEnd(kernels.getBody());
  std::string terminated = text.str() + '\0';
  LLVM::GlobalOp::create(
      b, kernels.getLoc(),
      LLVM::LLVMArrayType::get(b.getI8Type(), terminated.size()),
      /*isConstant=*/true, LLVM::Linkage::External, modelDescriptionName,
      b.getStringAttr(terminated));
}
