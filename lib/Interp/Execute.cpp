//===- Execute.cpp - what each op does ---===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Program.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Numerics/Gemm.h"
#include "qopt/Numerics/Ops.h"
#include "qopt/Numerics/RopeScaling.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// An operand as numbers; a weight is read now.
static Result<Tensor> tensorOperand(Frame &frame, const Step &step,
                                    unsigned index) {
  RuntimeValue &value = frame.slots[step.operands[index]];
  if (auto *weight = std::get_if<WeightReference>(&value))
    return frame.interpreter.weights().get(weight->symbol);
  if (auto *tensor = std::get_if<Tensor>(&value))
    return *tensor;
  return badInput("operand ", index, " is no f32 tensor");
}

static Result<Indices> indexOperand(Frame &frame, const Step &step,
                                    unsigned index) {
  if (auto *indices = std::get_if<Indices>(&frame.slots[step.operands[index]]))
    return *indices;
  return badInput("operand ", index, " is no i32 vector");
}

/// Where a result of the shape of operand `index` can be written: into the
/// operand itself if nobody reads it after this step. The slot keeps sharing
/// the numbers, so the operand can still be read meanwhile.
static Tensor resultLike(Frame &frame, const Step &step, unsigned index,
                         const Tensor &operand) {
  int slot = step.operands[index];
  // One owner is the slot, the other `operand`.
  bool reusable = llvm::is_contained(step.dead, slot) &&
                  llvm::count(step.operands, slot) == 1 &&
                  std::holds_alternative<Tensor>(frame.slots[slot]) &&
                  operand.owners() == 2;
  return reusable ? operand : Tensor(operand.rows(), operand.columns());
}

//===----------------------------------------------------------------------===//
// qopt
//===----------------------------------------------------------------------===//

static Result<RuntimeValue> runLinear(Frame &frame, const Step &step) {
  auto op = cast<LinearOp>(step.op);
  QOPT_ASSIGN(Tensor input, tensorOperand(frame, step, 0));
  if (frame.options.observer)
    QOPT_CHECK(frame.options.observer(op, input.matrix()));
  QOPT_ASSIGN(Tensor weight, tensorOperand(frame, step, 1));
  if (input.columns() != weight.columns())
    return badInput("the input has ", input.columns(),
                    " channels, but the weight ", weight.columns());
  Tensor output(input.rows(), weight.rows());
  gemm(frame.compute(), input.matrix(), weight.matrix(),
       output.mutableMatrix());
  if (op.getBias()) {
    QOPT_ASSIGN(Tensor bias, tensorOperand(frame, step, 2));
    if (bias.size() != output.columns())
      return badInput("the bias has ", bias.size(), " elements, not ",
                      output.columns());
    addBias(frame.compute(), bias.values(), output.mutableMatrix());
  }
  return output;
}

/// Reads a weight as the f32 numbers that it stands for.
static Result<RuntimeValue> runDequantize(Frame &frame, const Step &step) {
  return tensorOperand(frame, step, 0);
}

static Result<RuntimeValue> runLoad(Frame &frame, const Step &step) {
  auto op = cast<ml_program::GlobalLoadConstOp>(step.op);
  return WeightReference{op.getGlobal().getLeafReference().str()};
}

//===----------------------------------------------------------------------===//
// llm
//===----------------------------------------------------------------------===//

static Result<RuntimeValue> runEmbedding(Frame &frame, const Step &step) {
  QOPT_ASSIGN(Indices tokens, indexOperand(frame, step, 0));
  if (auto *weight =
          std::get_if<WeightReference>(&frame.slots[step.operands[1]]))
    return frame.interpreter.weights().gather(weight->symbol, tokens);
  QOPT_ASSIGN(Tensor table, tensorOperand(frame, step, 1));
  Tensor output(tokens->size(), table.columns());
  QOPT_CHECK(gatherRows(frame.compute(), table.matrix(), *tokens,
                        output.mutableMatrix()));
  return output;
}

static Result<RuntimeValue> runRmsNorm(Frame &frame, const Step &step) {
  auto op = cast<llm::RmsNormOp>(step.op);
  QOPT_ASSIGN(Tensor input, tensorOperand(frame, step, 0));
  QOPT_ASSIGN(Tensor weight, tensorOperand(frame, step, 1));
  Tensor output = resultLike(frame, step, 0, input);
  rmsNorm(frame.compute(), input.values(), weight.values(),
          op.getEps().convertToFloat(), output.mutableValues());
  return output;
}

static RopeScaling ropeScaling(Attribute attribute) {
  RopeScaling scaling;
  if (auto linear = dyn_cast_or_null<llm::LinearRopeAttr>(attribute)) {
    scaling.kind = RopeScaling::Kind::Linear;
    scaling.factor = linear.getFactor().getValueAsDouble();
  } else if (auto llama3 = dyn_cast_or_null<llm::Llama3RopeAttr>(attribute)) {
    scaling.kind = RopeScaling::Kind::Llama3;
    scaling.factor = llama3.getFactor().getValueAsDouble();
    scaling.lowFrequencyFactor = llama3.getLowFreq().getValueAsDouble();
    scaling.highFrequencyFactor = llama3.getHighFreq().getValueAsDouble();
    scaling.originalContext = llama3.getOriginalContext();
  }
  return scaling;
}

static Result<RuntimeValue> runRope(Frame &frame, const Step &step) {
  auto op = cast<llm::RopeOp>(step.op);
  QOPT_ASSIGN(Tensor input, tensorOperand(frame, step, 0));
  QOPT_ASSIGN(Indices positions, indexOperand(frame, step, 1));
  if (int64_t(positions->size()) != input.rows())
    return badInput("the input has ", input.rows(), " rows, but there are ",
                    positions->size(), " positions");
  Tensor output = resultLike(frame, step, 0, input);
  if (output.values().data() != input.values().data())
    llvm::copy(input.values(), output.mutableValues().begin());
  std::vector<float> frequencies =
      ropeFrequencies(op.getHeadDim(), op.getTheta().convertToDouble(),
                      ropeScaling(op.getScalingAttr()));
  rope(frame.compute(), output.mutableMatrix(), op.getHeadDim(), *positions,
       frequencies, op.getInterleaved());
  return output;
}

static Result<RuntimeValue> runAttention(Frame &frame, const Step &step) {
  auto op = cast<llm::AttentionOp>(step.op);
  QOPT_ASSIGN(Tensor query, tensorOperand(frame, step, 0));
  QOPT_ASSIGN(Tensor key, tensorOperand(frame, step, 1));
  QOPT_ASSIGN(Tensor value, tensorOperand(frame, step, 2));
  auto *cache = std::get_if<KvCache *>(&frame.slots[step.operands[3]]);
  if (!cache || !*cache)
    return badInput("operand 3 is no cache");
  int64_t layer = op.getLayer();
  QOPT_CHECK((*cache)->append(layer, key.matrix(), value.matrix()));
  if (query.rows() != key.rows())
    return badInput("queries have ", query.rows(), " rows, but keys ",
                    key.rows());

  AttentionShape shape;
  shape.heads = op.getHeads();
  shape.kvHeads = op.getKvHeads();
  shape.headDim = query.columns() / shape.heads;
  shape.scale = op.getScale().convertToFloat();
  shape.window = op.getWindow().value_or(0);

  // Sequences are independent. Many of them keep all threads busy; few are
  // better cut further inside.
  const std::vector<int64_t> &counts = (*cache)->rowCounts();
  std::vector<int64_t> first(counts.size(), 0);
  for (size_t i = 1; i < counts.size(); ++i)
    first[i] = first[i - 1] + counts[i - 1];
  Tensor output(query.rows(), query.columns());
  ComputeContext compute = frame.compute();
  auto attend = [&](int64_t sequence) {
    int64_t rows = counts[sequence];
    if (rows == 0)
      return;
    attention(compute,
              query.matrix().block(first[sequence], 0, rows, query.columns()),
              (*cache)->keys(layer, sequence),
              (*cache)->values(layer, sequence), shape,
              output.mutableMatrix().block(first[sequence], 0, rows,
                                           query.columns()));
  };
  if (counts.size() >= compute.pool.threads())
    compute.pool.parallelFor(counts.size(), attend);
  else
    for (size_t i = 0; i < counts.size(); ++i)
      attend(i);
  return output;
}

static Result<RuntimeValue> runGated(Frame &frame, const Step &step) {
  auto op = cast<llm::GatedOp>(step.op);
  QOPT_ASSIGN(Tensor gate, tensorOperand(frame, step, 0));
  QOPT_ASSIGN(Tensor up, tensorOperand(frame, step, 1));
  if (gate.size() != up.size())
    return badInput("operands have ", gate.rows(), " and ", up.rows(), " rows");
  auto activation = [](llm::Activation kind) {
    switch (kind) {
    case llm::Activation::Silu:
      return Activation::Silu;
    case llm::Activation::Gelu:
      return Activation::Gelu;
    case llm::Activation::GeluTanh:
      return Activation::GeluTanh;
    }
    llvm_unreachable("every activation is listed");
  };
  Tensor output = resultLike(frame, step, 0, gate);
  gatedActivation(frame.compute(), activation(op.getActivation()),
                  gate.values(), up.values(), output.mutableValues());
  return output;
}

//===----------------------------------------------------------------------===//
// arith
//===----------------------------------------------------------------------===//

/// y = combine(a, b), elementwise. y may be a or b.
template <typename Combine>
static void elementwise(const ComputeContext &context, std::span<const float> a,
                        std::span<const float> b, std::span<float> y,
                        Combine combine) {
  constexpr int64_t piece = 1 << 14;
  int64_t size = y.size();
  context.pool.parallelFor((size + piece - 1) / piece, [&](int64_t task) {
    int64_t end = std::min(size, (task + 1) * piece);
    for (int64_t i = task * piece; i < end; ++i)
      y[i] = combine(a[i], b[i]);
  });
}

template <typename Combine>
static Result<RuntimeValue> runElementwise(Frame &frame, const Step &step) {
  QOPT_ASSIGN(Tensor a, tensorOperand(frame, step, 0));
  QOPT_ASSIGN(Tensor b, tensorOperand(frame, step, 1));
  if (a.rows() != b.rows() || a.columns() != b.columns())
    return badInput("operands have ", a.rows(), " and ", b.rows(), " rows");
  Tensor output = resultLike(frame, step, 0, a);
  elementwise(frame.compute(), a.values(), b.values(), output.mutableValues(),
              Combine());
  return output;
}

static Result<RuntimeValue> runConstant(Frame &frame, const Step &step) {
  auto dense =
      dyn_cast<DenseElementsAttr>(cast<arith::ConstantOp>(step.op).getValue());
  if (dense && dense.getElementType().isF32() && dense.getType().getRank()) {
    int64_t columns = dense.getType().getShape().back();
    Tensor tensor(columns ? dense.getNumElements() / columns : 0, columns);
    llvm::copy(dense.getValues<float>(), tensor.mutableValues().begin());
    return tensor;
  }
  if (dense && dense.getElementType().isInteger(32) &&
      dense.getType().getRank() == 1)
    return makeIndices(
        {dense.value_begin<int32_t>(), dense.value_end<int32_t>()});
  return badInput("only f32 tensors and i32 vectors are executed");
}

/// arith ops on floats that are not f32 would have to round.
template <typename Combine> static Kernel f32Kernel(Operation *op) {
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  bool executed = type && type.getRank() > 0 && type.getElementType().isF32();
  return executed ? &runElementwise<Combine> : nullptr;
}

Kernel qopt::findKernel(Operation *op) {
  return llvm::TypeSwitch<Operation *, Kernel>(op)
      .Case([](LinearOp) { return &runLinear; })
      .Case([](DequantizeOp) { return &runDequantize; })
      .Case([](ml_program::GlobalLoadConstOp) { return &runLoad; })
      .Case([](llm::EmbeddingOp) { return &runEmbedding; })
      .Case([](llm::RmsNormOp) { return &runRmsNorm; })
      .Case([](llm::RopeOp) { return &runRope; })
      .Case([](llm::AttentionOp) { return &runAttention; })
      .Case([](llm::GatedOp) { return &runGated; })
      .Case([](arith::AddFOp op) { return f32Kernel<std::plus<>>(op); })
      .Case([](arith::SubFOp op) { return f32Kernel<std::minus<>>(op); })
      .Case([](arith::MulFOp op) { return f32Kernel<std::multiplies<>>(op); })
      .Case([](arith::ConstantOp) { return &runConstant; })
      .Default(nullptr);
}
