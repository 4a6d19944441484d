//===- WarpgroupKernel.cpp - tiles of y by wgmma (sm_90a) -----------------===//
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
//   stage   x [consumersOfK][inputRows][64 columns], 128 bytes a row, the
//   16-byte
//           piece p of row r at p ^ (r mod 8) as wgmma expects;
//           codes [consumersOfK][4 · consumersOfN tiles][512]
//
//===----------------------------------------------------------------------===//
#include "OutputTile.h"
#include "Warpgroup.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

static constexpr int64_t groupThreads = 128; // of a warpgroup
static constexpr int64_t consumers = 2;
static constexpr int64_t threads = groupThreads * (consumers + 1);
static constexpr int64_t barrierBytes = 1024; // stages stay 1024-byte aligned
static constexpr int64_t rowBytes = MmaLayout::tileColumns * 2;
static constexpr int64_t piecesOfRow = rowBytes / 16;
// 128 threads of 104 and 256 of 200 are the 384 of 168 that a block starts with.
static constexpr int64_t producerRegisters = 104, consumerRegisters = 200;

namespace {
class WarpgroupKernel {
public:
  WarpgroupKernel(KernelBuilder &b, const LinearSpec &spec,
                  const KernelPlan &plan, const KernelFrame &frame)
      : b(b), spec(spec), shape(std::get<WarpgroupShape>(plan.shape)),
        plan(plan), frame(frame), decode(b, spec.activation) {}
  void build();

  static int64_t inputBytes(const WarpgroupShape &shape) {
    return shape.consumersOfK * shape.inputRows * rowBytes;
  }
  static int64_t stageBytes(const WarpgroupShape &shape) {
    int64_t tiles = 4 * consumers; // of 64 columns
    return inputBytes(shape) + tiles * MmaLayout::tileBytes;
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
  void produce(Value firstRow, Value firstCount);
  void copyStage(const Stage &stage, Value firstRow);
  void copyInput(const Stage &stage, Value address, Value firstRow);
  void copyCodes(const Stage &stage, Value address);

  /// What a stage is multiplied by: A registers of four wgmma, and the scales
  /// of their groups.
  struct Weights {
    std::array<std::array<Value, 4>, 4> fragments;
    SmallVector<Value> scales; // a word with those of rows g and g + 8
  };
  static KernelBuilder::Values flatten(const Weights &weights);
  static Weights unflatten(ValueRange values);
  Sums consume(Value firstCount);
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
                 b.mul(slot(count), stageBytes(shape)));
  }

  KernelBuilder &b;
  const LinearSpec &spec;
  const WarpgroupShape &shape;
  const KernelPlan &plan;
  const KernelFrame &frame;
  Dequantizer decode;
  // Of a consumer: which outputs, which columns, and its lane's weights.
  Value thread, ofN, ofK, tile, scales, zeros;
};
} // namespace

SharedBytes qopt::nvptx::sharedBytes(const LinearSpec &spec,
                                     const WarpgroupShape &shape) {
  int64_t sums = OutputTile::bytes(shape.consumersOfK, shape.inputRows,
                                   WarpgroupKernel::outputs(shape));
  int64_t pipeline =
      barrierBytes + shape.stages * WarpgroupKernel::stageBytes(shape);
  return {std::max(sums + barrierBytes, pipeline), 0};
}

//===----------------------------------------------------------------------===//
// The producer
//===----------------------------------------------------------------------===//

void WarpgroupKernel::copyInput(const Stage &stage, Value address,
                                Value firstRow) {
  Value last = b.add(frame.inputRows, -1);
  int64_t pieces = shape.consumersOfK * shape.inputRows * piecesOfRow;
  // Addresses of all rows would take more registers than a producer has.
  for (int64_t first = 0; first < pieces; first += groupThreads) {
    Value index = b.add(b.opaque(thread), first);
    Value piece = b.rem(index, piecesOfRow), line = b.div(index, piecesOfRow);
    Value row = b.rem(line, shape.inputRows);
    Value tileOfK = b.add(b.mul(stage.stage, shape.consumersOfK),
                          b.div(line, shape.inputRows));
    Value pieceOfAll = b.add(b.mul(tileOfK, piecesOfRow), piece);
    Value inside = b.less(pieceOfAll, spec.columns() / 8);
    Value source =
        b.advance(b.advance(frame.input, b.min(b.add(firstRow, row), last),
                            spec.columns() * 2),
                  pieceOfAll, 16);
    Value swizzled = b.bitXor(piece, b.rem(row, 8));
    b.copyAsync(
        b.add(b.add(address, b.mul(line, rowBytes)), b.mul(swizzled, 16)),
        source, 16, inside);
  }
}

/// Consecutive threads take the 16-byte shares of a tile's lanes.
void WarpgroupKernel::copyCodes(const Stage &stage, Value address) {
  constexpr int64_t shares = MmaLayout::tileBytes / 16;
  int64_t tilesOfBlock = 4 * shape.consumersOfN;
  Value policy = b.evictFirst();
  Value firstTile = b.mul(b.block(gpu::Dimension::x), tilesOfBlock);
  int64_t pieces = 4 * consumers * shares;
  for (int64_t first = 0; first < pieces; first += groupThreads) {
    Value index = b.add(b.opaque(thread), first);
    Value share = b.rem(index, shares), place = b.div(index, shares);
    Value tile = b.add(firstTile, b.rem(place, tilesOfBlock));
    Value tileOfK = b.add(b.mul(stage.stage, shape.consumersOfK),
                          b.div(place, tilesOfBlock));
    Value present = b.both(b.less(tile, spec.weight.tilesOfRows()),
                           b.less(tileOfK, spec.weight.tilesOfColumns()));
    Value source = b.advance(
        frame.packed, b.add(b.mul(tile, spec.weight.tilesOfColumns()), tileOfK),
        MmaLayout::tileBytes);
    b.copyAsync(b.add(address, b.mul(index, 16)), b.advance(source, share, 16),
                16, present, policy);
  }
}

void WarpgroupKernel::copyStage(const Stage &stage, Value firstRow) {
  // The first round finds all slots empty: a wait for the phase before the
  // first returns at once.
  Mbarrier::wait(b, empty(stage.count), b.bitXor(parity(stage.count), 1));
  Value target = address(stage.count);
  copyInput(stage, target, firstRow);
  copyCodes(stage, b.add(target, inputBytes(shape)));
  b.commitCopies();
}

void WarpgroupKernel::produce(Value firstRow, Value firstCount) {
  // Copies are announced this many stages after they began.
  int64_t lag = shape.stages - 2;
  auto announce = [&](Value count) {
    fenceAsyncProxy(b);
    Mbarrier::arrive(b, full(count));
  };
  int64_t all = stages() + 1; // and one of zeros
  for (int64_t i = 0; i < std::min(lag, all); ++i)
    copyStage({b.i32(i), b.add(firstCount, i)}, firstRow);
  if (lag < all)
    b.loop(b.i32(lag), b.i32(all), b.i32(1), [&](Value stage) {
      Value count = b.add(firstCount, stage);
      copyStage({stage, count}, firstRow);
      b.waitForCopies(lag);
      announce(b.add(count, -lag));
    });
  for (int64_t left = std::min(lag, all); left > 0; --left) {
    b.waitForCopies(left - 1);
    announce(b.add(firstCount, all - left));
  }
}

//===----------------------------------------------------------------------===//
// The consumers
//===----------------------------------------------------------------------===//

KernelBuilder::Values WarpgroupKernel::flatten(const Weights &weights) {
  KernelBuilder::Values values;
  for (const auto &fragment : weights.fragments)
    values.append(fragment.begin(), fragment.end());
  values.append(weights.scales.begin(), weights.scales.end());
  return values;
}

WarpgroupKernel::Weights WarpgroupKernel::unflatten(ValueRange values) {
  Weights weights;
  for (int64_t step = 0; step < 4; ++step)
    for (int64_t i = 0; i < 4; ++i)
      weights.fragments[step][i] = values[4 * step + i];
  weights.scales.assign(values.begin() + 16, values.end());
  return weights;
}

/// Waits for a stage and decodes this warpgroup's share of its codes. Stages
/// past the last one are zeros, whatever scale they find.
WarpgroupKernel::Weights WarpgroupKernel::decodeStage(const Stage &stage) {
  int64_t groups = groupsPerTile();
  Value tileOfK = b.min(b.add(b.mul(stage.stage, shape.consumersOfK), ofK),
                        b.i32(spec.weight.tilesOfColumns() - 1));
  Value firstGroup =
      b.div(b.mul(tileOfK, MmaLayout::tileColumns), spec.groupLength());
  Weights weights;
  SmallVector<Dequantizer::Offset> offsets;
  for (int64_t group = 0; group < groups; ++group) {
    Value index = b.add(b.mul(tile, spec.weight.paddedGroups()),
                        b.add(firstGroup, group));
    weights.scales.push_back(b.loadConstant(
        b.getI32Type(), b.advance(scales, index, 2 * MmaLayout::tileRows), 4));
    if (zeros) {
      Value pair = b.loadConstant(
          b.getI16Type(), b.advance(zeros, index, MmaLayout::tileRows), 2);
      offsets.push_back(decode.loadedOffset(
          arith::ExtUIOp::create(b, b.getI32Type(), pair), b.i32(0)));
    } else {
      offsets.push_back(decode.constantOffset(8));
    }
  }

  Mbarrier::wait(b, full(stage.count), parity(stage.count));
  int64_t tilesOfBlock = 4 * shape.consumersOfN;
  Value tileOfBlock = b.add(b.mul(ofN, 4), b.rem(b.div(thread, 32), 4));
  Value place = b.add(
      b.mul(b.add(b.mul(ofK, tilesOfBlock), tileOfBlock), MmaLayout::tileBytes),
      b.mul(frame.lane, 16));
  Value words = b.loadShared(
      b.words(), b.add(b.add(address(stage.count), inputBytes(shape)), place),
      16);
  for (int64_t step = 0; step < 4; ++step) {
    int64_t group = step * groups / 4;
    weights.fragments[step] =
        decode.fragment(b.element(words, step), offsets[group]);
    if (!shape.scaleWeights)
      continue;
    std::array<Value, 2> pairs = decode.scalePairs(weights.scales[group]);
    for (int64_t i = 0; i < 4; ++i)
      weights.fragments[step][i] =
          arith::MulFOp::create(b, weights.fragments[step][i], pairs[i % 2]);
  }
  if (shape.scaleWeights)
    weights.scales.clear();
  return weights;
}

/// Starts weights · x: with scaled weights on top of `sums`, otherwise in sums
/// of its own for every group.
Sums WarpgroupKernel::beginProducts(const Stage &stage, const Weights &weights,
                                    const Sums &sums) {
  int64_t groups = shape.scaleWeights ? 1 : groupsPerTile();
  Sums products = sums;
  if (!shape.scaleWeights)
    products.assign(groups * sums.size(), b.f32(0));
  Value operand = swizzledOperand(
      b, b.add(address(stage.count), b.mul(ofK, shape.inputRows * rowBytes)));
  size_t count = products.size();
  Sums registers = products;
  for (const std::array<Value, 4> &fragment : weights.fragments)
    for (Value value : fragment)
      registers.push_back(b.bitcast(b.getI32Type(), value));
  fenceWgmma(b, registers);
  ArrayRef<Value> fragments = ArrayRef(registers).drop_front(count);
  products.assign(registers.begin(), registers.begin() + count);
  for (int64_t step = 0; step < 4; ++step) {
    bool first = step % (4 / groups) == 0;
    wgmma(b, spec.activation, fragments.slice(4 * step, 4), operand,
          /*accumulate=*/shape.scaleWeights || !first,
          MutableArrayRef(products).slice(step * groups / 4 * sums.size(),
                                          sums.size()));
    operand = arith::AddIOp::create(
        b, operand, arith::ConstantIntOp::create(b, b.getI64Type(), 2));
  }
  commitWgmma(b);
  return products;
}

void WarpgroupKernel::addProducts(Sums products, const Weights &weights,
                                  Sums &sums) {
  waitForWgmma(b, products);
  if (shape.scaleWeights) {
    sums = products;
    return;
  }
  for (auto [group, word] : llvm::enumerate(weights.scales)) {
    std::array<Value, 2> scale = decode.scales(word);
    for (size_t i = 0; i < sums.size(); ++i)
      sums[i] = LLVM::FMAOp::create(b, scale[i % 4 / 2],
                                    products[group * sums.size() + i], sums[i]);
  }
}

/// This warp is done with a stage.
void WarpgroupKernel::release(const Stage &stage) {
  Value first =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, frame.lane, b.i32(0));
  b.when(first, [&] { Mbarrier::arrive(b, empty(stage.count)); });
}

Sums WarpgroupKernel::consume(Value firstCount) {
  Weights first = decodeStage({b.i32(0), firstCount});
  size_t count = shape.inputRows / 2;
  KernelBuilder::Values carried(count, b.f32(0));
  carried.append(flatten(first));
  b.loop(b.i32(0), b.i32(stages()), b.i32(1), carried,
         [&](Value index, KernelBuilder::Values &carried) {
           Stage stage = {index, b.add(firstCount, index)};
           Stage next = {b.add(index, 1), b.add(stage.count, 1)};
           Sums sums(carried.begin(), carried.begin() + count);
           Weights weights = unflatten(ValueRange(carried).drop_front(count));
           Sums products = beginProducts(stage, weights, sums);
           Weights following = decodeStage(next);
           addProducts(products, weights, sums);
           release(stage);
           carried = sums;
           carried.append(flatten(following));
         });
  release({b.i32(stages()), b.add(firstCount, stages())});
  return Sums(carried.begin(), carried.begin() + count);
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

void WarpgroupKernel::build() {
  constexpr int64_t consumerBarrier = 1, blockBarrier = 2;
  Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                        frame.thread, b.i32(0));
  b.when(isFirst, [&] {
    for (int64_t i = 0; i < shape.stages; ++i) {
      Mbarrier::init(b, full(b.i32(i)), groupThreads);
      Mbarrier::init(b, empty(b.i32(i)), 4 * consumers);
    }
  });
  b.barrier();
  if (plan.launch.overlap) {
    allowOverlap(b);
    waitForPrevious(b);
  }
  thread = b.rem(frame.thread, groupThreads);
  Value warpgroup = b.div(frame.thread, groupThreads);
  Value firstRow = b.mul(b.block(gpu::Dimension::y), shape.inputRows);
  Value step = b.mul(b.blocks(gpu::Dimension::y), shape.inputRows);
  /// Tiles of rows one after the other; body(first row, first count).
  auto overRows = [&](function_ref<void(Value, Value)> body) {
    KernelBuilder::Values count = {b.i32(0)};
    b.loop(firstRow, frame.inputRows, step, count,
           [&](Value row, KernelBuilder::Values &count) {
             body(row, count[0]);
             // The next tile's copies may overwrite the sums of this one.
             namedBarrier(b, blockBarrier, threads);
             count[0] = b.add(count[0], stages() + 1);
           });
  };

  Value isProducer = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                           warpgroup, b.i32(consumers));
  b.when(
      isProducer,
      [&] {
        setRegisters(b, /*increase=*/false, producerRegisters);
        overRows([&](Value row, Value count) { produce(row, count); });
      },
      [&] {
        setRegisters(b, /*increase=*/true, consumerRegisters);
        ofN = b.rem(warpgroup, shape.consumersOfN);
        ofK = b.div(warpgroup, shape.consumersOfN);
        Value warpOfGroup = b.div(thread, 32), g = b.div(frame.lane, 4);
        tile = b.add(
            b.mul(b.add(b.mul(b.block(gpu::Dimension::x), shape.consumersOfN),
                        ofN),
                  4),
            warpOfGroup);
        tile = b.min(tile, b.i32(spec.weight.tilesOfRows() - 1));
        scales = b.advance(frame.scales, g, 4);
        if (frame.zeros)
          zeros = b.advance(frame.zeros, g, 2);
        KernelFrame inner = frame;
        inner.shared = b.add(frame.shared, barrierBytes);
        OutputTile output(b, spec, inner, shape.consumersOfK, shape.inputRows,
                          outputs(shape));
        Value firstOutput = b.add(b.mul(ofN, 64), b.mul(warpOfGroup, 16));
        overRows([&](Value row, Value count) {
          Sums sums = consume(count);
          namedBarrier(b, consumerBarrier, consumers * groupThreads);
          output.put(ofK, firstOutput, sums);
          namedBarrier(b, consumerBarrier, consumers * groupThreads);
          output.store(row, consumers * groupThreads);
        });
      });
}

void qopt::nvptx::buildWarpgroupKernel(KernelBuilder &b, const LinearSpec &spec,
                                       const KernelPlan &plan,
                                       const KernelFrame &frame) {
  WarpgroupKernel(b, spec, plan, frame).build();
}
