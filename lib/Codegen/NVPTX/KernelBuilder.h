//===- KernelBuilder.h - short spellings for device code --------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Integers are i32 unless a name says otherwise. Shared memory is addressed by
// i32 byte addresses, as PTX does; global memory by pointers.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_NVPTX_KERNELBUILDER_H
#define QOPT_LIB_CODEGEN_NVPTX_KERNELBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace qopt::nvptx {

class KernelBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;
  using Value = mlir::Value;
  using Values = mlir::SmallVector<Value>;

  mlir::VectorType words() { // 16 bytes
    return mlir::VectorType::get(4, getI32Type());
  }
  /// i16 for 2 bytes, i32 for 4, vectors of i32 for more.
  mlir::Type integers(int64_t bytes) {
    if (bytes <= 4)
      return getIntegerType(8 * bytes);
    return mlir::VectorType::get(bytes / 4, getI32Type());
  }

  // Constants and arithmetic.
  Value i32(int64_t value) {
    return mlir::arith::ConstantIntOp::create(*this, getI32Type(), value);
  }
  Value f32(double value) {
    return mlir::arith::ConstantOp::create(*this, getF32FloatAttr(value));
  }
  Value add(Value a, Value b) {
    return mlir::arith::AddIOp::create(*this, a, b);
  }
  Value add(Value a, int64_t b) { return b == 0 ? a : add(a, i32(b)); }
  Value sub(Value a, Value b) {
    return mlir::arith::SubIOp::create(*this, a, b);
  }
  Value mul(Value a, Value b) {
    return mlir::arith::MulIOp::create(*this, a, b);
  }
  Value mul(Value a, int64_t b) { return b == 1 ? a : mul(a, i32(b)); }
  Value div(Value a, int64_t b) {
    return b == 1 ? a : mlir::arith::DivUIOp::create(*this, a, i32(b));
  }
  Value rem(Value a, int64_t b) {
    return b == 1 ? i32(0) : mlir::arith::RemUIOp::create(*this, a, i32(b));
  }
  Value bitXor(Value a, Value b) {
    return mlir::arith::XOrIOp::create(*this, a, b);
  }
  Value bitXor(Value a, int64_t b) { return b == 0 ? a : bitXor(a, i32(b)); }
  Value shiftRight(Value a, int64_t bits) {
    return bits == 0 ? a : mlir::arith::ShRUIOp::create(*this, a, i32(bits));
  }
  Value min(Value a, Value b) {
    return mlir::arith::MinSIOp::create(*this, a, b);
  }
  Value max(Value a, Value b) {
    return mlir::arith::MaxSIOp::create(*this, a, b);
  }
  Value less(Value a, Value b) {
    return mlir::arith::CmpIOp::create(*this, mlir::arith::CmpIPredicate::slt,
                                       a, b);
  }
  Value less(Value a, int64_t b) { return less(a, i32(b)); }
  Value both(Value a, Value b) {
    return mlir::arith::AndIOp::create(*this, a, b);
  }
  Value select(Value condition, Value a, Value b) {
    return mlir::arith::SelectOp::create(*this, condition, a, b);
  }
  Value element(Value vector, int64_t index) {
    return mlir::vector::ExtractOp::create(*this, vector, index);
  }
  Value bitcast(mlir::Type type, Value value) {
    return value.getType() == type
               ? value
               : mlir::LLVM::BitcastOp::create(*this, type, value);
  }

  // Where a thread is.
  Value thread();
  Value block(mlir::gpu::Dimension dimension);
  Value blocks(mlir::gpu::Dimension dimension);
  void barrier() { mlir::gpu::BarrierOp::create(*this); }
  /// The lanes of a warp meet, and see what each has written.
  void barrierOfWarp() { ptx({}, "bar.warp.sync 0xffffffff;", "", {}); }

  // Control flow.
  /// for (i = first; i < end; i += step) carried = body(i, carried)
  void loop(Value first, Value end, Value step, Values &carried,
            mlir::function_ref<void(Value, Values &)> body);
  void loop(Value first, Value end, Value step,
            mlir::function_ref<void(Value)> body);
  void when(Value condition, mlir::function_ref<void()> body,
            mlir::function_ref<void()> otherwise = nullptr);

  // Global memory.
  /// base + index * bytes, without overflow for any tensor.
  Value advance(Value base, Value index, int64_t bytes);
  /// A load of what nothing writes while the kernel runs.
  Value loadConstant(mlir::Type type, Value pointer, unsigned alignment);
  Value load(mlir::Type type, Value pointer, unsigned alignment) {
    return mlir::LLVM::LoadOp::create(*this, type, pointer, alignment);
  }
  void store(Value value, Value pointer, unsigned alignment) {
    mlir::LLVM::StoreOp::create(*this, value, pointer, alignment);
  }

  // Shared memory.
  /// Address of the dynamic shared memory, a multiple of `alignment`.
  Value dynamicShared(int64_t alignment);
  Value loadShared(mlir::Type type, Value address, unsigned alignment) {
    return load(type, sharedPointer(address), alignment);
  }
  void storeShared(Value value, Value address, unsigned alignment) {
    store(value, sharedPointer(address), alignment);
  }

  // Asynchronous copies to shared memory: `size` (4 or 16) bytes; if `present`
  // is given and false, zeros.
  void copyAsync(Value address, Value source, int64_t size,
                 Value present = nullptr, Value policy = nullptr);
  void commitCopies();
  /// Waits until at most `groups` of this thread's newest commits are pending.
  void waitForCopies(int64_t groups);
  /// A cache policy for data that is read once.
  Value evictFirst();

  /// The same value, but what follows from it is computed where it is used, in
  /// each round of a loop, instead of being held in registers.
  Value opaque(Value value) {
    return ptx(getI32Type(), "mov.b32 $0, $1;", "=r,r", value)[0];
  }
  /// PTX with effects on memory; `$0` … are the results, then the operands.
  mlir::ValueRange ptx(mlir::TypeRange results, llvm::StringRef code,
                       llvm::StringRef constraints, mlir::ValueRange operands);
  /// PTX whose only effect is its result.
  Value purePtx(mlir::Type result, llvm::StringRef code,
                llvm::StringRef constraints, mlir::ValueRange operands);

private:
  Value sharedPointer(Value address);
};

} // namespace qopt::nvptx

#endif // QOPT_LIB_CODEGEN_NVPTX_KERNELBUILDER_H
