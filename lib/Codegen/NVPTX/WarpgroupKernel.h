//===- WarpgroupKernel.h - tiles of y by wgmma (sm_90a) ---------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//   block      64 · tilesOfN outputs by inputRows rows of x; blocks that follow
//              each other share x
//   producer   the last warpgroup copies many stages ahead, with few registers:
//              codes by TMA (cp.async.bulk), x and scales by cp.async; the
//              weights of the first stages while the kernel before this one
//              ends
//   consumers  two warpgroups, for one or two tiles of 64 outputs each, or for
//              the same tile and every second 64 columns (consumersOfK = 2). A
//              weight is decoded into registers, which are the left operand of
//              wgmma; x is its right operand, straight from shared memory. The
//              next tile is decoded while wgmma works on this one
//   cluster    splitsOfK blocks have the same outputs, and one after another
//              an equal share of the columns
//   end        as in the tile kernel; sums of a cluster's blocks are read from
//              their shared memory, always in the order of the blocks
//   stripes    instead of clusters blocks may share all tiles (Stripes.h)
//
// Stages go round: a barrier `full` for each says that all copies are there, of
// TMA because it counts their bytes and of cp.async because an arrival of each
// producer thread follows them; one `empty` that all consumer warps are done.
// cp.async belongs to the generic proxy and wgmma to the async one: the
// consumers fence between them when they open a stage. TMA belongs to the async
// proxy, too: a fence stands between its copies and the sums that lie in their
// place. Reads of codes have ended when `empty` says so.
//
//   shared  [full and empty barriers][stages: x, codes][records of the stages]
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_CODEGEN_NVPTX_WARPGROUPKERNEL_H
#define QOPT_LIB_CODEGEN_NVPTX_WARPGROUPKERNEL_H

#include "OutputTile.h"
#include "Stripes.h"
#include "Warpgroup.h"
#include "WarpgroupStage.h"

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
  // 128 threads of 72 and 256 of 216 are the 384 of 168 that a block starts
  // with.
  static constexpr int64_t producerRegisters = 72, consumerRegisters = 216;

  WarpgroupKernel(KernelBuilder &b, const LinearSpec &spec,
                  const KernelPlan &plan, const KernelFrame &frame)
      : b(b), spec(spec), shape(std::get<WarpgroupShape>(plan.shape)),
        layout(spec, shape), plan(plan), frame(frame), decode(b, spec),
        parameters(b, spec, decode) {}
  void build();

private:
  /// A stage of a tile of rows: `stage` of all columns, `count` since the
  /// beginning.
  struct Stage {
    Value stage, count;
  };
  /// Ids of named barriers; 0 is that of b.barrier().
  static constexpr int64_t consumerBarrier = 1, blockBarrier = 2;
  void initializeBarriers();
  /// What this block does of a tile of y: of all columns, or of some.
  struct Part {
    Value tileOfN, firstRow;
    Value firstStage, stages; // of the columns
    Value count;              // of stages before it, since the beginning
    Stripes::Part stripe;     // where blocks share tiles equally
  };
  Part partOf(Value firstRow, Value count);
  Part partOf(const Stripes::Part &stripe, Value count);
  /// This block's parts one after the other, each as `part` for body().
  void overParts(llvm::function_ref<void()> body);
  /// Between two parts.
  void meet();
  /// What the warpgroups that multiply do.
  void consumeAll(Value warpgroup);
  /// Stores the sums of a part, or leaves them to another block.
  void finish(OutputTile &output);

  /// Stages of which weights are copied before the kernel before has ended, at
  /// most, and of the first part.
  int64_t mostAhead() const;
  Value stagesAhead(const Part &first);
  void copyAhead();
  void produce();
  /// body(number) for pieces of 16 bytes, which the threads take in turn.
  void overPieces(int64_t pieces, llvm::function_ref<void(Value)> body);
  void copyInput(const Stage &stage);
  void copyCodes(const Stage &stage);
  void copyRecords(const Stage &stage, const WarpgroupStage::Records &part,
                   Value component);
  void copyWeights(const Stage &stage);

  /// What a tile of x is multiplied by: A registers of four wgmma as i32 and,
  /// unless they are scaled, the scales of their groups.
  struct Weights {
    mlir::SmallVector<Value> fragments;
    mlir::SmallVector<ParameterWords, 4> parameters; // only scales
  };
  /// A tile of weights that a step is for.
  struct Tile {
    int64_t ofN, ofK; // of the consumer's
  };
  mlir::SmallVector<ParameterWords, 4> readParameters(const Stage &stage,
                                                      Tile tile);
  Weights decodeTile(const Stage &stage, Tile tile);
  void open(const Stage &stage);
  void release(const Stage &stage);

  /// wgmma of a step on their way. Scaled weights' products are the sums.
  struct Flight {
    Weights weights;
    Sums products;
  };
  Flight beginProducts(const Stage &stage, Tile tile, Weights weights,
                       llvm::ArrayRef<Value> sums);
  /// Waits for them, and scales them.
  void addProducts(Flight &flight, llvm::MutableArrayRef<Value> sums);

  struct Progress {
    Sums sums; // of this consumer's tiles, one after the other
    mlir::SmallVector<Value> used; // by wgmma on their way, if scaled
    Weights next;
  };
  static KernelBuilder::Values flatten(const Progress &progress);
  static Progress unflatten(mlir::ValueRange values, const Progress &like);
  Sums consume();
  /// Of this consumer's warp: which 16 outputs of the block.
  Value rowOfTiles(int64_t ofN) {
    return b.add(firstTile, 4 * shape.consumersOfN() * ofN);
  }
  /// Which 64 columns of a stage.
  Value tileOfStage(int64_t tileOfK) {
    return b.add(consumerOfK, shape.consumersOfK() * tileOfK);
  }

  int64_t stages() const { // of this block, of a tile
    return spec.weight.paddedColumns() / layout.columns / shape.splitsOfK;
  }
  /// Number `index` of the part's stages.
  Stage stageAt(Value index) {
    return {b.add(part.firstStage, index), b.add(part.count, index)};
  }
  int64_t groupsPerTile() const { return groupsOfTile(spec); }
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
                 b.mul(slot(count), layout.bytes()));
  }
  Value codes(Value count) { return b.add(address(count), layout.inputBytes); }
  Value records(Value count) {
    return b.add(
        b.add(frame.shared, barrierBytes + shape.stages * layout.bytes()),
        b.mul(slot(count), layout.recordBytes));
  }

  KernelBuilder &b;
  const LinearSpec &spec;
  const WarpgroupShape &shape;
  const WarpgroupStage layout;
  const KernelPlan &plan;
  const KernelFrame &frame;
  Dequantizer decode;
  Parameters parameters;
  Value thread;                   // of the warpgroup
  Value warp, startsCopies;       // of the producer, and the lane for TMA
  std::optional<Stripes> stripes; // of the block
  Part part;                      // of which code is being built
  Value consumerOfK;              // of consumersOfK
  Value firstTile;                // of a consumer's warp
};

} // namespace qopt::nvptx

#endif // QOPT_LIB_CODEGEN_NVPTX_WARPGROUPKERNEL_H
