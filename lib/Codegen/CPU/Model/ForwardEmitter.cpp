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
//===----------------------------------------------------------------------===//
#include "ForwardEmitter.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

namespace {
class Emitter {
public:
  Emitter(ModuleOp module, const ModelProgram &program)
      : module(module), program(program),
        b(module.getLoc(), module.getContext()),
        pointer(LLVM::LLVMPointerType::get(module.getContext())),
        i64(b.getI64Type()), f32(b.getF32Type()) {
    b.setInsertionPointToEnd(module.getBody());
  }

  void emit(StringRef name, ArrayRef<PlannedStep> steps, bool profile);

private:
  /// The fields of QoptRtCall that compiled code reads.
  enum Field { Weights, Arena, Logits, Rows, OutputRows, Threads };

  Value constant(int64_t value) {
    return LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(value));
  }
  Value constant(float value) {
    return LLVM::ConstantOp::create(b, f32, b.getF32FloatAttr(value));
  }
  Value times(Value x, Value y) { return LLVM::MulOp::create(b, x, y); }
  Value times(Value x, int64_t y) { return times(x, constant(y)); }
  Value field(Field number, Type type) {
    return LLVM::LoadOp::create(b, type,
                                offset(call, constant(int64_t(8) * number)));
  }
  Value offset(Value base, Value bytes) {
    return LLVM::GEPOp::create(b, pointer, b.getI8Type(), base,
                               ArrayRef<LLVM::GEPArg>{bytes});
  }
  /// Declares a function of the runtime.
  void declare(StringRef name, ValueRange arguments, Type result);
  void runtime(StringRef name, ValueRange arguments) {
    declare(name, arguments, LLVM::LLVMVoidType::get(b.getContext()));
    LLVM::CallOp::create(b, TypeRange{}, name, arguments);
  }
  void callKernel(StringRef name, ValueRange arguments) {
    LLVM::CallOp::create(b, TypeRange{}, name, arguments);
  }
  LLVM::LLVMFuncOp adaptor(const LinearKernel &kernel, bool row);

  Value addressOf(int value);
  /// The rows of an input that a step reads.
  Value input(const ModelStep &step, int number);
  Value output(const ModelStep &step) { return addressOf(step.output); }
  /// How many rows a step computes.
  Value rowsOf(const ModelStep &step) {
    int dispatch = program.value(step.output).dispatch;
    return dispatch >= 0 ? dispatched[dispatch] : tokensOf(step);
  }
  Value tokensOf(const ModelStep &step) {
    return step.trimmed ? outputRows : rows;
  }
  int64_t columnsOf(const ModelStep &step, int number) {
    return program.value(step.inputs[number]).columns;
  }
  Value weight(const WeightUse &use) {
    return LLVM::LoadOp::create(b, pointer,
                                offset(weights, constant(8 * use.firstTensor)));
  }
  /// The thread's part of `count` units.
  std::pair<Value, Value> share(Value count);

  void emitStep(const PlannedStep &planned);
  void emitRowWise(const PlannedStep &planned, int64_t rowsPerToken);
  void emitElementwise(const PlannedStep &planned);
  void emitLinear(const PlannedStep &planned);
  void emitDispatch(const ModelStep &step, llm::DispatchOp op);
  void emitCombine(const ModelStep &step);

  /// What a prepared row is: of which value, and how.
  using Preparation = std::tuple<int, bool, std::string>;

  ModuleOp module;
  const ModelProgram &program;
  ImplicitLocOpBuilder b;
  LLVM::LLVMPointerType pointer;
  Type i64, f32;
  Value call, thread, weights, arena, logits, rows, outputRows, threads;
  Value preparedRow; // memory of the thread
  Preparation prepared = {-1, false, ""};
  ::llvm::DenseMap<int, Value> dispatched; // value of a dispatch → its rows
};
} // namespace

void Emitter::declare(StringRef name, ValueRange arguments, Type result) {
  if (module.lookupSymbol(name))
    return;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(module.getBody());
  SmallVector<Type> types(arguments.getTypes());
  LLVM::LLVMFuncOp::create(b, name, LLVM::LLVMFunctionType::get(result, types));
}

/// QoptRtKernel: loads the addresses of the components and calls the kernel, or
/// the one of a prepared row, which does not ask for the number of rows.
LLVM::LLVMFuncOp Emitter::adaptor(const LinearKernel &kernel, bool row) {
  const std::string &symbol = row ? kernel.row : kernel.symbol;
  std::string name = symbol + "_call";
  if (auto existing = module.lookupSymbol<LLVM::LLVMFuncOp>(name))
    return existing;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(module.getBody());
  auto function = LLVM::LLVMFuncOp::create(
      b, name,
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                  {pointer, pointer, pointer, i64, i64, i64}),
      LLVM::Linkage::Internal);
  b.setInsertionPointToStart(function.addEntryBlock(b));
  SmallVector<Value> arguments = {function.getArgument(1)};
  for (int i = 0; i < kernel.components; ++i)
    arguments.push_back(LLVM::LoadOp::create(
        b, pointer, offset(function.getArgument(0), constant(8 * int64_t(i)))));
  arguments.push_back(function.getArgument(2));
  for (int i = row ? 4 : 3; i < 6; ++i)
    arguments.push_back(function.getArgument(i));
  callKernel(symbol, arguments);
  LLVM::ReturnOp::create(b, ValueRange{});
  return function;
}

Value Emitter::addressOf(int value) {
  const ModelValue &held = program.value(value);
  if (held.place < 0)
    return logits;
  return offset(arena, times(rows, held.place * int64_t(sizeof(float))));
}

Value Emitter::input(const ModelStep &step, int number) {
  const ModelValue &value = program.value(step.inputs[number]);
  Value address = addressOf(step.inputs[number]);
  if (value.trimmed || !step.trimmed)
    return address;
  Value skipped = LLVM::SubOp::create(b, rows, outputRows);
  return offset(address,
                times(skipped, value.columns * int64_t(sizeof(float))));
}

std::pair<Value, Value> Emitter::share(Value count) {
  Value next = LLVM::AddOp::create(b, thread, constant(int64_t(1)));
  return {LLVM::UDivOp::create(b, times(count, thread), threads),
          LLVM::UDivOp::create(b, times(count, next), threads)};
}

/// Kernels (x, [w,] y, firstRow, endRow).
void Emitter::emitRowWise(const PlannedStep &planned, int64_t rowsPerToken) {
  const ModelStep &step = *planned.step;
  auto [first, end] = share(times(rowsOf(step), rowsPerToken));
  SmallVector<Value> arguments = {input(step, 0)};
  for (const WeightUse &use : planned.weights)
    arguments.push_back(weight(use));
  arguments.append({output(step), first, end});
  callKernel(planned.kernel, arguments);
}

/// Kernels (x, [z,] y, firstElement, endElement); threads meet at multiples of
/// 16 elements.
void Emitter::emitElementwise(const PlannedStep &planned) {
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

void Emitter::emitLinear(const PlannedStep &planned) {
  const ModelStep &step = *planned.step;
  const LinearKernel &kernel = planned.linear;
  Value function = LLVM::AddressOfOp::create(b, adaptor(kernel, false));
  Value components =
      offset(weights, constant(8 * planned.weights[0].firstTensor));
  SmallVector<Value> arguments = {call,
                                  thread,
                                  function,
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
    prepare = LLVM::AddressOfOp::create(
        b, module.lookupSymbol<LLVM::LLVMFuncOp>(kernel.prepare));
  prepared = wanted;
  Value row = LLVM::AddressOfOp::create(b, adaptor(kernel, true));
  arguments.append({prepare, row, preparedRow});
  runtime("qopt_rt_linear_prepared", arguments);
}

void Emitter::emitDispatch(const ModelStep &step, llm::DispatchOp op) {
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

void Emitter::emitCombine(const ModelStep &step) {
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

void Emitter::emitStep(const PlannedStep &planned) {
  const ModelStep &step = *planned.step;
  if (step.isBias)
    return emitRowWise(planned, 1);
  if (isa<LinearOp>(step.op))
    return emitLinear(planned);
  if (auto norm = dyn_cast<llm::RmsNormOp>(step.op)) {
    int64_t length = norm.getWeight().getType().getDimSize(0);
    return emitRowWise(planned, columnsOf(step, 0) / length);
  }
  if (isa<llm::SliceOp>(step.op))
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

void Emitter::emit(StringRef name, ArrayRef<PlannedStep> steps, bool profile) {
  auto function = LLVM::LLVMFuncOp::create(
      b, name,
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                  {pointer, i64}));
  b.setInsertionPointToStart(function.addEntryBlock(b));
  call = function.getArgument(0);
  thread = function.getArgument(1);
  weights = field(Weights, pointer);
  arena = field(Arena, pointer);
  logits = field(Logits, pointer);
  rows = field(Rows, i64);
  outputRows = field(OutputRows, i64);
  threads = field(Threads, i64);
  int64_t preparedBytes = 0;
  for (const PlannedStep &planned : steps)
    preparedBytes = std::max(preparedBytes, planned.linear.preparedBytes);
  if (preparedBytes > 0)
    preparedRow = LLVM::AllocaOp::create(b, pointer, b.getI8Type(),
                                         constant(preparedBytes),
                                         /*alignment=*/64);
  for (auto [index, planned] : llvm::enumerate(steps)) {
    b.setLoc(planned.step->op->getLoc());
    if (planned.step->barrierBefore && !profile)
      runtime("qopt_rt_barrier", {call, thread});
    emitStep(planned);
    if (profile) // has a barrier of its own
      runtime("qopt_rt_mark", {call, thread, constant(int64_t(index))});
  }
  LLVM::ReturnOp::create(b, ValueRange{});
}

void qopt::cpu::emitForward(ModuleOp kernels, StringRef name,
                            const ModelProgram &program,
                            ArrayRef<PlannedStep> steps, bool profile) {
  Emitter(kernels, program).emit(name, steps, profile);
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
