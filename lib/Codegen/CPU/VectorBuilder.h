//===- VectorBuilder.h - what emitters of CPU kernels share -----*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Kernels work on vectors of 16 lanes, one for each row of a block: 16 dwords,
// the same as 64 bytes, or 16 f32. LLVM cuts them into the registers of the
// target.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_CPU_VECTORBUILDER_H
#define QOPT_LIB_CODEGEN_CPU_VECTORBUILDER_H

#include "qopt/Codegen/CPU/Target.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace qopt::cpu {

constexpr int64_t lanes = 16;

class VectorBuilder {
public:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;

  VectorBuilder(mlir::ImplicitLocOpBuilder &b, const CpuTarget &target)
      : b(b), target(target),
        floats(mlir::VectorType::get({lanes}, b.getF32Type())),
        dwords(mlir::VectorType::get({lanes}, b.getI32Type())),
        bytes(mlir::VectorType::get({4 * lanes}, b.getI8Type())) {}

  //===--- Indices and loops
  //------------------------------------------------===//

  Value index(int64_t value) {
    return mlir::arith::ConstantIndexOp::create(b, value);
  }
  Value add(Value left, Value right) {
    return mlir::arith::AddIOp::create(b, left, right);
  }
  Value add(Value left, int64_t right) {
    return right ? add(left, index(right)) : left;
  }
  Value sub(Value left, Value right) {
    return mlir::arith::SubIOp::create(b, left, right);
  }
  /// base * factor
  Value times(Value base, int64_t factor) {
    return factor == 1 ? base
                       : mlir::arith::MulIOp::create(b, base, index(factor));
  }
  Value quotient(Value value, int64_t divisor) {
    return divisor == 1
               ? value
               : mlir::arith::DivUIOp::create(b, value, index(divisor));
  }
  Value remainder(Value value, int64_t divisor) {
    return divisor == 1
               ? index(0)
               : mlir::arith::RemUIOp::create(b, value, index(divisor));
  }
  Value smaller(Value left, Value right) {
    return mlir::arith::MinSIOp::create(b, left, right);
  }
  Value greater(Value left, Value right) {
    return mlir::arith::MaxSIOp::create(b, left, right);
  }
  /// for i = first to end step step: carried = body(i, carried)
  void loop(Value first, Value end, int64_t step, Values &carried,
            llvm::function_ref<void(Value, Values &)> body);
  /// The same without carried values.
  void loop(Value first, Value end, int64_t step,
            llvm::function_ref<void(Value)> body);

  //===--- Vectors
  //----------------------------------------------------------===//

  Value splat(float value) {
    return mlir::arith::ConstantOp::create(
        b, mlir::DenseElementsAttr::get(floats, mlir::ArrayRef<float>(value)));
  }
  Value splat(int32_t value) {
    return mlir::arith::ConstantOp::create(
        b,
        mlir::DenseElementsAttr::get(dwords, mlir::ArrayRef<int32_t>(value)));
  }
  /// Every byte of 16 dwords.
  Value splatBytes(uint8_t value) {
    return splat(int32_t(value * 0x01010101u));
  }
  /// A scalar in every lane.
  Value broadcast(Value scalar) {
    return mlir::vector::BroadcastOp::create(
        b, mlir::VectorType::get({lanes}, scalar.getType()), scalar);
  }
  Value broadcastLoad(Value memref, mlir::ValueRange place) {
    return broadcast(mlir::memref::LoadOp::create(b, memref, place));
  }
  /// `lanes` elements, or as many bytes as 16 dwords have.
  Value load(Value memref, mlir::ValueRange place) {
    mlir::Type element =
        mlir::cast<mlir::MemRefType>(memref.getType()).getElementType();
    return mlir::vector::LoadOp::create(
        b, mlir::VectorType::get({lanes}, element), memref, place);
  }
  Value asDwords(Value vector) {
    return mlir::vector::BitCastOp::create(b, dwords, vector);
  }
  Value asBytes(Value vector) {
    return mlir::vector::BitCastOp::create(b, bytes, vector);
  }
  Value andBits(Value vector, Value mask) {
    return mlir::arith::AndIOp::create(b, vector, mask);
  }
  Value orBits(Value left, Value right) {
    return mlir::arith::OrIOp::create(b, left, right);
  }
  /// Dwords shifted, down if `by` is positive.
  Value shift(Value vector, int by) {
    if (by == 0)
      return vector;
    Value amount = splat(int32_t(by < 0 ? -by : by));
    if (by < 0)
      return mlir::arith::ShLIOp::create(b, vector, amount);
    return mlir::arith::ShRUIOp::create(b, vector, amount);
  }
  Value toFloat(Value integers) {
    return mlir::arith::SIToFPOp::create(b, floats, integers);
  }
  Value signExtend(Value integers) {
    return mlir::arith::ExtSIOp::create(b, dwords, integers);
  }
  Value zeroExtend(Value integers) {
    return mlir::arith::ExtUIOp::create(b, dwords, integers);
  }
  Value fma(Value a, Value c, Value addend) {
    return mlir::vector::FMAOp::create(b, a, c, addend);
  }
  Value mulF(Value left, Value right) {
    return mlir::arith::MulFOp::create(b, left, right);
  }
  Value negF(Value vector) { return mlir::arith::NegFOp::create(b, vector); }

  mlir::ImplicitLocOpBuilder &b;
  const CpuTarget &target;
  mlir::VectorType floats, dwords, bytes;
};

} // namespace qopt::cpu

#endif // QOPT_LIB_CODEGEN_CPU_VECTORBUILDER_H
