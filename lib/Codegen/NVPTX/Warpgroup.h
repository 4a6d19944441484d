//===- Warpgroup.h - wgmma and the barriers around it -----------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_NVPTX_WARPGROUP_H
#define QOPT_LIB_CODEGEN_NVPTX_WARPGROUP_H

#include "ChunkProduct.h"

namespace qopt::nvptx {

/// Objects of 8 bytes in shared memory that count arrivals in phases.
class Mbarrier {
public:
  using Value = mlir::Value;
  static constexpr int64_t bytes = 8;

  static void init(KernelBuilder &b, Value address, int64_t arrivals);
  /// One arrival of a warp, by its lane 0: without a branch, which would keep
  /// LLVM from moving work across it.
  static void arriveOfWarp(KernelBuilder &b, Value address, Value lane);
  /// The phase is not complete before so many bytes of bulk copies are there.
  static void expectBytes(KernelBuilder &b, Value address, int64_t count,
                          Value condition);
  /// An arrival of each thread when all its cp.async so far are there.
  static void arriveAfterCopies(KernelBuilder &b, Value address);
  /// Waits until the phase of this parity (0 for the first) is complete.
  static void wait(KernelBuilder &b, Value address, Value parity);
};

/// TMA copies bytes, a multiple of 16 as both addresses, from global to shared
/// memory, and reports them to an mbarrier. ptxas keeps to one instruction, and
/// does not go through the lanes one by one, if the condition is that of
/// oneLane() and operands come from such as uniformInWarp().
void copyBulk(KernelBuilder &b, mlir::Value address, mlir::Value source,
              int64_t bytes, mlir::Value barrier, mlir::Value policy,
              mlir::Value condition);
/// True in one lane of the warp, always the same.
mlir::Value oneLane(KernelBuilder &b);
/// Lane 0's value, which all lanes have: now ptxas knows, too.
mlir::Value uniformInWarp(KernelBuilder &b, mlir::Value value);

/// Makes what this thread wrote to shared memory, or has seen there behind a
/// barrier, visible to the async proxy: to wgmma that it starts next, and to
/// bulk copies that are started behind a later barrier.
void fenceAsyncProxy(KernelBuilder &b);
/// bar.sync of some warps: barrier 1 … 15, and how many threads take part.
void namedBarrier(KernelBuilder &b, int64_t id, int64_t threads);
/// All threads of the cluster meet, and see what each has written to shared
/// memory.
void clusterBarrier(KernelBuilder &b);
/// The same without memory: it waits for no store, and orders nothing.
void meetInCluster(KernelBuilder &b);
/// Takes registers from, or gives them to, the pool of the block.
void setRegisters(KernelBuilder &b, bool increase, int64_t count);

/// Descriptor of a right operand in shared memory: rows of 64 two-byte columns
/// (128 bytes), the 16-byte piece p of row r at p ^ (r mod 8); `address` a
/// multiple of 1024. Adding 2 moves it by 16 columns.
mlir::Value swizzledOperand(KernelBuilder &b, mlir::Value address);

/// Orders what was written to these registers, f32 or i32, before the wgmma
/// that use them next, the first with `operand`. (Which keeps fences apart: a
/// loop's body and what follows it both begin with one, and LLVM would put
/// equal ones in front of the branch.)
void fenceWgmma(KernelBuilder &b, mlir::MutableArrayRef<mlir::Value> registers,
                mlir::Value operand);
/// sums [64 x n] (+)= weight [64 x 16] · operand [16 x n], asynchronously; the
/// weight in i32 registers, n twice the number of sums. `accumulate` false
/// ignores the old sums, which may be null then.
void wgmma(KernelBuilder &b, ActivationType type,
           mlir::ArrayRef<mlir::Value> weight, mlir::Value operand,
           bool accumulate, mlir::MutableArrayRef<mlir::Value> sums);
void commitWgmma(KernelBuilder &b);
/// Ends the basic block, inside of which ptxas orders instructions anew, by a
/// branch that is never taken, which it cannot know. The i32 `ready` are
/// computed before it: what the branch leads to needs them.
void endBasicBlock(KernelBuilder &b, llvm::ArrayRef<mlir::Value> ready = {});
/// Waits until no more than the newest `pending` commits of this warpgroup are
/// on their way. `registers`, f32 sums, may be read afterwards, and until then
/// nothing takes the place of `used`, the left operands.
void waitForWgmma(KernelBuilder &b, int64_t pending,
                  mlir::MutableArrayRef<mlir::Value> registers,
                  mlir::ArrayRef<mlir::Value> used);

} // namespace qopt::nvptx

#endif // QOPT_LIB_CODEGEN_NVPTX_WARPGROUP_H
