//===- KernelBuilder.h - short spellings for device code --------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_NVPTX_KERNELBUILDER_H
#define QOPT_LIB_CODEGEN_NVPTX_KERNELBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace qopt::nvptx {

/// Integer arithmetic with constants, and typed loads from byte offsets.
class KernelBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;
  using Value = mlir::Value;

  mlir::VectorType words() { // 16 bytes
    return mlir::VectorType::get(4, getI32Type());
  }

  Value i32(int64_t value) {
    return mlir::arith::ConstantIntOp::create(*this, getI32Type(), value);
  }
  Value add(Value a, Value b) {
    return mlir::arith::AddIOp::create(*this, a, b);
  }
  Value add(Value a, int64_t b) { return b == 0 ? a : add(a, i32(b)); }
  Value mul(Value a, int64_t b) {
    return mlir::arith::MulIOp::create(*this, a, i32(b));
  }
  Value div(Value a, int64_t b) {
    return mlir::arith::DivUIOp::create(*this, a, i32(b));
  }
  Value rem(Value a, int64_t b) {
    return mlir::arith::RemUIOp::create(*this, a, i32(b));
  }
  Value shiftRight(Value a, int64_t bits) {
    return bits == 0 ? a : mlir::arith::ShRUIOp::create(*this, a, i32(bits));
  }
  Value less(Value a, Value b) {
    return mlir::arith::CmpIOp::create(*this, mlir::arith::CmpIPredicate::slt,
                                       a, b);
  }

  /// base + index * bytes, without overflow for any tensor.
  Value advance(Value base, Value index, int64_t bytes) {
    Value wide = mlir::arith::ExtUIOp::create(*this, getI64Type(), index);
    Value size = mlir::arith::ConstantIntOp::create(*this, getI64Type(), bytes);
    Value offset = mlir::arith::MulIOp::create(*this, wide, size);
    return mlir::LLVM::GEPOp::create(
        *this, base.getType(), getI8Type(), base,
        mlir::ArrayRef<mlir::LLVM::GEPArg>{offset});
  }
  Value advance(Value base, int32_t bytes) {
    return mlir::LLVM::GEPOp::create(*this, base.getType(), getI8Type(), base,
                                     mlir::ArrayRef<mlir::LLVM::GEPArg>{bytes});
  }
  /// A load through the read-only cache: nothing writes this memory meanwhile.
  Value load(mlir::Type type, Value pointer, unsigned alignment) {
    return mlir::LLVM::LoadOp::create(*this, type, pointer, alignment,
                                      /*isVolatile=*/false,
                                      /*isNonTemporal=*/false,
                                      /*isInvariant=*/true);
  }

  Value element(Value vector, int64_t index) {
    return mlir::vector::ExtractOp::create(*this, vector, index);
  }
  Value bitcast(mlir::Type type, Value value) {
    return mlir::LLVM::BitcastOp::create(*this, type, value);
  }
};

} // namespace qopt::nvptx

#endif // QOPT_LIB_CODEGEN_NVPTX_KERNELBUILDER_H
