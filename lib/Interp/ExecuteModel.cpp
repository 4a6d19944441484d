//===- ExecuteModel.cpp - what each op of the model structure does ---===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Program.h"

#include "qopt/Dialect/LLM/RopeScalingAttr.h"
#include "qopt/Numerics/Experts.h"
#include "qopt/Numerics/Ops.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;

static Result<Tensor> gatherTokens(Frame &frame, const Step &step) {
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

static Result<RuntimeValue> runEmbedding(Frame &frame, const Step &step) {
  QOPT_ASSIGN(Tensor output, gatherTokens(frame, step));
  if (std::optional<APFloat> factor =
          cast<llm::EmbeddingOp>(step.op).getScale())
    scale(frame.compute(), factor->convertToFloat(), output.mutableValues());
  return output;
}

static Result<RuntimeValue> runRmsNorm(Frame &frame, const Step &step) {
  auto op = cast<llm::RmsNormOp>(step.op);
  QOPT_ASSIGN(Tensor input, tensorOperand(frame, step, 0));
  QOPT_ASSIGN(Tensor weight, tensorOperand(frame, step, 1));
  Tensor output = resultLike(frame, step, 0, input);
  float offset = op.getOffset() ? op.getOffset()->convertToFloat() : 0;
  rmsNorm(frame.compute(), input.values(), weight.values(),
          op.getEps().convertToFloat(), output.mutableValues(), offset);
  return output;
}

static Result<RuntimeValue> runLayerNorm(Frame &frame, const Step &step) {
  auto op = cast<llm::LayerNormOp>(step.op);
  QOPT_ASSIGN(Tensor input, tensorOperand(frame, step, 0));
  QOPT_ASSIGN(Tensor weight, tensorOperand(frame, step, 1));
  Tensor bias;
  if (op.getBias()) {
    QOPT_ASSIGN(bias, tensorOperand(frame, step, 2));
  }
  Tensor output = resultLike(frame, step, 0, input);
  layerNorm(frame.compute(), input.values(), weight.values(),
            op.getBias() ? bias.values() : std::span<const float>(),
            op.getEps().convertToFloat(), output.mutableValues());
  return output;
}

/// The end of the sequence that row `first` belongs to: positions rise by one.
static size_t endOfSequence(const std::vector<int32_t> &positions,
                            size_t first) {
  size_t end = first + 1;
  while (end < positions.size() && positions[end] == positions[end - 1] + 1)
    ++end;
  return end;
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

  RopeScaling scaling = llm::ropeScalingOf(op.getScalingAttr());
  double theta = op.getTheta().convertToDouble();
  auto rotate = [&](size_t begin, size_t end, RopeLength length) {
    std::vector<float> frequencies =
        ropeFrequencies(op.getRotatedChannels(), theta, scaling, length);
    rope(frame.compute(),
         output.mutableMatrix().block(begin, 0, end - begin, output.columns()),
         op.getHeadDim(), std::span(*positions).subspan(begin, end - begin),
         frequencies, op.getInterleaved(), float(scaling.magnitude));
  };
  if (scaling.kind != RopeScaling::Kind::LongRope) {
    rotate(0, positions->size(), RopeLength::Short);
    return output;
  }
  for (size_t begin = 0; begin < positions->size();) {
    size_t end = endOfSequence(*positions, begin);
    rotate(begin, end,
           (*positions)[end - 1] >= scaling.originalContext
               ? RopeLength::Long
               : RopeLength::Short);
    begin = end;
  }
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
  shape.softcap = op.getSoftcap() ? op.getSoftcap()->convertToFloat() : 0;

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

static Result<RuntimeValue> runSoftcap(Frame &frame, const Step &step) {
  auto op = cast<llm::SoftcapOp>(step.op);
  QOPT_ASSIGN(Tensor input, tensorOperand(frame, step, 0));
  Tensor output = resultLike(frame, step, 0, input);
  softcap(frame.compute(), op.getCap().convertToFloat(), input.values(),
          output.mutableValues());
  return output;
}

static Result<RuntimeValue> runSlice(Frame &frame, const Step &step) {
  auto op = cast<llm::SliceOp>(step.op);
  QOPT_ASSIGN(Tensor input, tensorOperand(frame, step, 0));
  int64_t channels = op.getOutput().getType().getShape().back();
  return Tensor::copyOf(
      input.matrix().block(0, op.getOffset(), input.rows(), channels));
}

//===----------------------------------------------------------------------===//
// Mixtures of experts
//===----------------------------------------------------------------------===//

static Result<RuntimeValue> runRoute(Frame &frame, const Step &step) {
  auto op = cast<llm::RouteOp>(step.op);
  QOPT_ASSIGN(Tensor logits, tensorOperand(frame, step, 0));
  Tensor weights = resultLike(frame, step, 0, logits);
  routeTokens(frame.compute(), logits.matrix(), op.getTopK(), op.getNormalize(),
              weights.mutableMatrix());
  return weights;
}

static Result<RuntimeValue> runDispatch(Frame &frame, const Step &step) {
  auto op = cast<llm::DispatchOp>(step.op);
  QOPT_ASSIGN(Tensor input, tensorOperand(frame, step, 0));
  QOPT_ASSIGN(Tensor weights, tensorOperand(frame, step, 1));
  if (input.rows() != weights.rows())
    return badInput("the input has ", input.rows(), " rows, but the weights ",
                    weights.rows());
  std::vector<int64_t> rows = tokensOfExpert(weights.matrix(), op.getExpert());
  Tensor output(rows.size(), input.columns());
  for (auto [target, source] : llvm::enumerate(rows))
    llvm::copy(input.row(source), output.mutableMatrix().row(target));
  return output;
}

static Result<RuntimeValue> runCombine(Frame &frame, const Step &step) {
  auto op = cast<llm::CombineOp>(step.op);
  QOPT_ASSIGN(Tensor weights, tensorOperand(frame, step, 0));
  std::vector<Tensor> held;
  std::vector<ConstMatrix> outputs;
  for (unsigned i = 1; i < step.operands.size(); ++i) {
    QOPT_ASSIGN(Tensor output, tensorOperand(frame, step, i));
    outputs.push_back(output.matrix());
    held.push_back(std::move(output));
  }
  Tensor result(weights.rows(), op.getOutput().getType().getShape().back());
  QOPT_CHECK(combineExperts(frame.compute(), weights.matrix(), outputs,
                            result.mutableMatrix()));
  return result;
}

Kernel qopt::findModelKernel(Operation *op) {
  return llvm::TypeSwitch<Operation *, Kernel>(op)
      .Case([](llm::EmbeddingOp) { return &runEmbedding; })
      .Case([](llm::RmsNormOp) { return &runRmsNorm; })
      .Case([](llm::LayerNormOp) { return &runLayerNorm; })
      .Case([](llm::RopeOp) { return &runRope; })
      .Case([](llm::AttentionOp) { return &runAttention; })
      .Case([](llm::GatedOp) { return &runGated; })
      .Case([](llm::SoftcapOp) { return &runSoftcap; })
      .Case([](llm::SliceOp) { return &runSlice; })
      .Case([](llm::RouteOp) { return &runRoute; })
      .Case([](llm::DispatchOp) { return &runDispatch; })
      .Case([](llm::CombineOp) { return &runCombine; })
      .Default(nullptr);
}
