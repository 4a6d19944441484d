//===- Execute.cpp - what each op does ------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Program.h"

#include "qopt/Numerics/Gemm.h"
#include "qopt/Numerics/Ops.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace qopt;

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

Result<Tensor> qopt::tensorOperand(Frame &frame, const Step &step,
                                   unsigned index) {
  RuntimeValue &value = frame.slots[step.operands[index]];
  if (auto *weight = std::get_if<WeightReference>(&value))
    return frame.interpreter.weights().get(weight->symbol);
  if (auto *tensor = std::get_if<Tensor>(&value))
    return *tensor;
  return badInput("operand ", index, " is no f32 tensor");
}

Result<Indices> qopt::indexOperand(Frame &frame, const Step &step,
                                   unsigned index) {
  if (auto *indices = std::get_if<Indices>(&frame.slots[step.operands[index]]))
    return *indices;
  return badInput("operand ", index, " is no i32 vector");
}

Tensor qopt::resultLike(Frame &frame, const Step &step, unsigned index,
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
  if (input.rows() == 0) // an expert that no token goes to
    return output;
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

static Result<RuntimeValue> runPermuteChannels(Frame &frame, const Step &step) {
  auto op = cast<PermuteChannelsOp>(step.op);
  QOPT_ASSIGN(Tensor input, tensorOperand(frame, step, 0));
  Tensor output(input.rows(), input.columns());
  permuteColumns(frame.compute(), input.matrix(), op.getOrder(),
                 output.mutableMatrix());
  return output;
}

static Result<RuntimeValue> runLoad(Frame &frame, const Step &step) {
  auto op = cast<ml_program::GlobalLoadConstOp>(step.op);
  return WeightReference{op.getGlobal().getLeafReference().str()};
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
      .Case([](PermuteChannelsOp) { return &runPermuteChannels; })
      .Case([](ml_program::GlobalLoadConstOp) { return &runLoad; })
      .Case([](arith::AddFOp op) { return f32Kernel<std::plus<>>(op); })
      .Case([](arith::SubFOp op) { return f32Kernel<std::minus<>>(op); })
      .Case([](arith::MulFOp op) { return f32Kernel<std::multiplies<>>(op); })
      .Case([](arith::ConstantOp) { return &runConstant; })
      .Default([](Operation *other) { return findModelKernel(other); });
}
