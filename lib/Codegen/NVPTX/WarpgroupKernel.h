//===- WarpgroupKernel.h - tiles of y by wgmma (sm_90a) ---------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//   block      64 · consumersOfN outputs by inputRows rows of x; blocks that
//              follow each other share x
//   producer   the last warpgroup copies weights and x by cp.async, many stages
//              ahead, with few registers
//   consumers  two warpgroups, for 64 outputs each, or for the same 64 and
//              every second 64 columns (consumersOfK = 2). A weight is decoded
//              into registers, which are the left operand of wgmma; x is its
//              right operand, straight from shared memory. The next stage is
//              decoded while wgmma works on this one
//   end        as in the tile kernel
//
// Stages go round: a barrier `full` for each says that all copies of all
// producer threads are there (and visible to wgmma), one `empty` that all
// consumer warps are done. After the last stage comes one of zeros, which the
// consumers decode in vain, so that the loop needs no end of its own.
//
//   shared  [full and empty barriers][stages: x, codes]
//   stage   x [consumersOfK][inputRows][64 columns], 128 bytes a row, the piece
//   p
//           of 16 bytes of row r at p ^ (r mod 8) as wgmma expects;
//           codes [consumersOfK][4 · consumersOfN tiles]
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_NVPTX_WARPGROUPKERNEL_H
#define QOPT_LIB_CODEGEN_NVPTX_WARPGROUPKERNEL_H

#include "OutputTile.h"
#include "Warpgroup.h"

namespace qopt::nvptx {

class WarpgroupKernel {
public:
  using Value = mlir::Value;

  static constexpr int64_t groupThreads = 128; // of a warpgroup
  static constexpr int64_t consumers = 2;
  static constexpr int64_t threads = groupThreads * (consumers + 1);
  static constexpr int64_t barrierBytes = 1024; // stages stay 1024-byte aligned
  static constexpr int64_t rowBytes = MmaLayout::tileColumns * 2;
  static constexpr int64_t piecesOfRow = rowBytes / 16;
  // 128 threads of 104 and 256 of 200 are the 384 of 168 that a block starts
  // with.
  static constexpr int64_t producerRegisters = 104, consumerRegisters = 200;

  WarpgroupKernel(KernelBuilder &b, const LinearSpec &spec,
                  const KernelPlan &plan, const KernelFrame &frame)
      : b(b), spec(spec), shape(std::get<WarpgroupShape>(plan.shape)),
        plan(plan), frame(frame), decode(b, spec), parameters(b, spec, decode) {
  }
  void build();

  static int64_t inputBytes(const WarpgroupShape &shape) {
    return shape.consumersOfK * shape.inputRows * rowBytes;
  }
  static int64_t stageBytes(const LinearSpec &spec,
                            const WarpgroupShape &shape) {
    int64_t tiles = 4 * consumers; // of 64 columns
    return inputBytes(shape) + tiles * spec.weight.tileBytes();
  }
  static int64_t outputs(const WarpgroupShape &shape) {
    return 64 * shape.consumersOfN;
  }

private:
  /// A stage of a tile of rows: `stage` of the columns, `count` since the
  /// beginning.
  struct Stage {
    Value stage, count;
  };
  /// Ids of named barriers; 0 is that of b.barrier().
  static constexpr int64_t consumerBarrier = 1, blockBarrier = 2;
  void initializeBarriers();
  /// Tiles of rows one after the other; body(first row, first count).
  void overRows(Value firstRow, Value step,
                llvm::function_ref<void(Value, Value)> body);
  /// What the warpgroups that multiply do.
  void consumeAll(Value warpgroup, Value firstRow, Value step);

  void produce(Value firstRow, Value firstCount);
  void copyStage(const Stage &stage, Value firstRow);
  void copyInput(const Stage &stage, Value address, Value firstRow);
  void copyCodes(const Stage &stage, Value address);

  /// What a stage is multiplied by: A registers of four wgmma and, unless they
  /// are scaled, the scales of their groups.
  struct Weights {
    std::array<std::array<Value, 4>, 4> fragments;
    mlir::SmallVector<ParameterWords, 4> parameters; // only scales
  };
  static KernelBuilder::Values flatten(const Weights &weights);
  static Weights unflatten(mlir::ValueRange values);
  Sums consume(Value firstCount);
  mlir::SmallVector<ParameterWords, 4> readParameters(Value tileOfK);
  Weights decodeStage(const Stage &stage);
  Sums beginProducts(const Stage &stage, const Weights &weights,
                     const Sums &sums);
  void addProducts(Sums products, const Weights &weights, Sums &sums);
  void release(const Stage &stage);

  int64_t stages() const { // 64 or 128 columns each
    int64_t columns = MmaLayout::tileColumns * shape.consumersOfK;
    return (spec.weight.paddedColumns() + columns - 1) / columns;
  }
  int64_t groupsPerTile() const {
    return std::max<int64_t>(1, MmaLayout::tileColumns / spec.groupLength());
  }
  Value slot(Value count) { return b.rem(count, shape.stages); }
  Value full(Value count) {
    return b.add(frame.shared, b.mul(slot(count), Mbarrier::bytes));
  }
  Value empty(Value count) {
    return b.add(full(count), shape.stages * Mbarrier::bytes);
  }
  Value parity(Value count) { return b.rem(b.div(count, shape.stages), 2); }
  Value address(Value count) {
    return b.add(b.add(frame.shared, barrierBytes),
                 b.mul(slot(count), stageBytes(spec, shape)));
  }

  KernelBuilder &b;
  const LinearSpec &spec;
  const WarpgroupShape &shape;
  const KernelPlan &plan;
  const KernelFrame &frame;
  Dequantizer decode;
  Parameters parameters;
  // Of a consumer: which outputs, and which columns.
  Value thread, ofN, ofK, tile;
};

} // namespace qopt::nvptx

#endif // QOPT_LIB_CODEGEN_NVPTX_WARPGROUPKERNEL_H
