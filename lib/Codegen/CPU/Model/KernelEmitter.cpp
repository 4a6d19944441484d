//===- KernelEmitter.cpp - loops over vectors of f32 ----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "KernelEmitter.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace qopt::cpu;

KernelEmitter::KernelEmitter(ModuleOp module, Location location, StringRef name,
                             ArrayRef<Type> buffers, int counts)
    : b(location, module.getContext()), bufferCount(buffers.size()) {
  b.setInsertionPointToEnd(module.getBody());
  SmallVector<Type> inputs;
  // Bare pointers need static shapes; the extent does not matter.
  for (Type element : buffers)
    inputs.push_back(MemRefType::get({1}, element));
  inputs.append(counts, b.getIndexType());
  function = func::FuncOp::create(b, name, b.getFunctionType(inputs, {}));
  b.setInsertionPointToStart(function.addEntryBlock());
}

void KernelEmitter::finish() { func::ReturnOp::create(b); }

Value KernelEmitter::buffer(int number) {
  Value first = function.getArgument(number);
  Type element = cast<MemRefType>(first.getType()).getElementType();
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  // Nobody asks for the extent.
  OpFoldResult size = index(int64_t(1) << 40);
  return memref::ReinterpretCastOp::create(
      b, MemRefType::get({ShapedType::kDynamic}, element), first, zero,
      ArrayRef<OpFoldResult>{size}, ArrayRef<OpFoldResult>{one});
}

KernelEmitter::Values
KernelEmitter::loop(Value first, Value end, int64_t step, Values carried,
                    function_ref<void(Value, Values &)> body) {
  auto loop = scf::ForOp::create(
      b, first, end, index(step), carried,
      [&](OpBuilder &, Location, Value i, ValueRange arguments) {
        Values inside(arguments);
        body(i, inside);
        scf::YieldOp::create(b, inside);
      });
  return Values(loop.getResults());
}

void KernelEmitter::loop(Value first, Value end, int64_t step,
                         function_ref<void(Value)> body) {
  loop(first, end, step, Values(), [&](Value i, Values &) { body(i); });
}

KernelEmitter::Values
KernelEmitter::vectors(Value first, Value end, Values carried,
                       function_ref<void(Value, Value, Values &)> body) {
  Value length = arith::SubIOp::create(b, end, first);
  Value whole = times(arith::DivUIOp::create(b, length, index(lanes)), lanes);
  Value rest = add(first, whole);
  Values result = loop(first, rest, lanes, carried,
                       [&](Value i, Values &c) { body(i, Value(), c); });
  // At most one more.
  return loop(rest, end, lanes, result, [&](Value i, Values &c) {
    Value left = arith::SubIOp::create(b, end, i);
    Value mask = vector::CreateMaskOp::create(
        b, VectorType::get({lanes}, b.getI1Type()), ValueRange{left});
    body(i, mask, c);
  });
}

void KernelEmitter::permuteRow(Value from, Value fromStart, Value order,
                               Value to, Value toStart, int64_t columns) {
  Value all = arith::ConstantOp::create(
      b, DenseElementsAttr::get(VectorType::get({lanes}, b.getI1Type()), true));
  vectors(index(0), index(columns), {}, [&](Value i, Value mask, Values &) {
    Value places = load(order, i, mask);
    Value row = vector::GatherOp::create(
        b, VectorType::get({lanes}, b.getF32Type()), from,
        ValueRange{fromStart}, places, all, splat(0));
    store(row, to, add(toStart, i), mask);
  });
}

Value KernelEmitter::load(Value buffer, Value at, Value mask) {
  Type element = cast<MemRefType>(buffer.getType()).getElementType();
  auto type = VectorType::get({lanes}, element);
  if (!mask)
    return vector::LoadOp::create(b, type, buffer, ValueRange{at});
  Value zeros =
      arith::ConstantOp::create(b, cast<TypedAttr>(b.getZeroAttr(type)));
  return vector::MaskedLoadOp::create(b, type, buffer, ValueRange{at}, mask,
                                      zeros);
}

void KernelEmitter::store(Value vector, Value buffer, Value at, Value mask) {
  if (mask)
    vector::MaskedStoreOp::create(b, buffer, ValueRange{at}, mask, vector);
  else
    vector::StoreOp::create(b, vector, buffer, ValueRange{at});
}

Value KernelEmitter::splat(double value) {
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(VectorType::get({lanes}, b.getF32Type()),
                                float(value)));
}

Value KernelEmitter::broadcast(Value scalar) {
  return vector::BroadcastOp::create(
      b, VectorType::get({lanes}, scalar.getType()), scalar);
}

Value KernelEmitter::sum(Value vector) {
  return vector::ReductionOp::create(b, vector::CombiningKind::ADD, vector,
                                     arith::FastMathFlags::reassoc);
}

Value KernelEmitter::fma(Value x, Value y, Value z) {
  return vector::FMAOp::create(b, x, y, z);
}

/// exp(x) = 2^n exp(r), as in qopt/Numerics/Exponential.inc. Adding 1.5 * 2^23
/// rounds to a whole number and leaves it in the low bits.
Value KernelEmitter::exponential(Value x) {
  constexpr double carrier = 12582912;
  Value bounded = arith::MaximumFOp::create(
      b, arith::MinimumFOp::create(b, x, splat(88.3)), splat(-87.3));
  Value carried = fma(bounded, splat(1.44269504), splat(carrier));
  Value n = arith::SubFOp::create(b, carried, splat(carrier));
  Value r = fma(n, splat(-0.693359375), bounded);
  r = fma(n, splat(2.12194440e-4), r);
  Value p = splat(1.0 / 5040);
  for (double coefficient : {1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5})
    p = fma(p, r, splat(coefficient));
  p = fma(p, arith::MulFOp::create(b, r, r), r);
  p = arith::AddFOp::create(b, p, splat(1));
  auto integers = VectorType::get({lanes}, b.getI32Type());
  Value bits = arith::BitcastOp::create(b, integers, carried);
  Value shift = arith::ConstantOp::create(
      b, DenseElementsAttr::get(integers, int32_t(23)));
  Value scaled = arith::ShLIOp::create(b, bits, shift);
  return arith::BitcastOp::create(
      b, p.getType(),
      arith::AddIOp::create(b, arith::BitcastOp::create(b, integers, p),
                            scaled));
}

Value KernelEmitter::tanh(Value x) {
  Value doubled = arith::AddFOp::create(b, x, x);
  Value grown = arith::AddFOp::create(b, exponential(doubled), splat(1));
  return arith::SubFOp::create(b, splat(1),
                               arith::DivFOp::create(b, splat(2), grown));
}

Value KernelEmitter::erf(Value x) {
  Value magnitude =
      arith::MaximumFOp::create(b, x, arith::NegFOp::create(b, x));
  Value t = arith::DivFOp::create(b, splat(1),
                                  fma(magnitude, splat(0.3275911), splat(1)));
  Value p = splat(1.061405429);
  for (double coefficient :
       {-1.453152027, 1.421413741, -0.284496736, 0.254829592})
    p = fma(p, t, splat(coefficient));
  Value square = arith::MulFOp::create(b, magnitude, magnitude);
  Value decay = exponential(arith::NegFOp::create(b, square));
  Value tail = arith::MulFOp::create(b, arith::MulFOp::create(b, p, t), decay);
  Value positive = arith::SubFOp::create(b, splat(1), tail);
  Value negative =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x, splat(0));
  return arith::SelectOp::create(b, negative,
                                 arith::NegFOp::create(b, positive), positive);
}
