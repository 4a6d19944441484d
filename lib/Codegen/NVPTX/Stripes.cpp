//===- Stripes.cpp - equal shares of all tiles for all blocks -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Stripes.h"

using namespace mlir;
using namespace qopt::nvptx;

Stripes::Share Stripes::shareOf(int64_t blocks, int64_t tiles,
                                int64_t stagesOfTile) {
  int64_t own = std::max<int64_t>(1, tiles / blocks) - 1;
  int64_t stripe = divideUp((tiles - own * blocks) * stagesOfTile, blocks);
  return {own * stagesOfTile + stripe, divideUp(stagesOfTile, stripe)};
}

Stripes::Stripes(KernelBuilder &b, Value tiles, int64_t stagesOfTile,
                 int64_t tileBytes, Value workspace)
    : b(b), stagesOfTile(stagesOfTile), tileBytes(tileBytes),
      workspace(workspace), block(b.block(gpu::Dimension::x)),
      blocks(b.blocks(gpu::Dimension::x)) {
  Value ofEach = arith::DivUIOp::create(b, tiles, blocks);
  ownTiles = b.add(b.max(ofEach, b.i32(1)), -1);
  stages = b.mul(b.sub(tiles, b.mul(ownTiles, blocks)), stagesOfTile);
  first = firstOf(block);
  end = firstOf(b.add(block, 1));
  lastTile = b.add(b.div(b.add(end, stagesOfTile - 1), stagesOfTile), -1);
  partsOfStripe = b.add(b.sub(lastTile, b.div(first, stagesOfTile)), 1);
}

Value Stripes::firstOf(Value number) {
  return arith::DivUIOp::create(b, b.mul(number, stages), blocks);
}

Value Stripes::sumsOf(Value number) {
  return b.advance(b.advance(workspace, b.i32(1), flagBytes), number,
                   tileBytes);
}

Stripes::Part Stripes::part(Value index) {
  Value ofStripe = b.less(index, partsOfStripe);
  Value tile = b.sub(lastTile, index); // of the stripes
  Value begin = b.mul(tile, stagesOfTile);
  // The last block whose stripe does not begin behind the tile: firstOf(n) <= s
  // if n · stages < (s + 1) · blocks. (Nobody asks where there are no stages.)
  Value firstBlock = arith::DivUIOp::create(
      b, b.add(b.mul(b.add(begin, 1), blocks), -1), b.max(stages, b.i32(1)));
  Value own = b.add(block, b.mul(b.sub(index, partsOfStripe), blocks));
  return {b.select(ofStripe, b.add(tile, b.mul(ownTiles, blocks)), own),
          b.select(ofStripe, b.max(b.sub(first, begin), b.i32(0)), b.i32(0)),
          b.select(ofStripe, b.min(b.sub(end, begin), b.i32(stagesOfTile)),
                   b.i32(stagesOfTile)),
          b.select(ofStripe, firstBlock, block)};
}

void Stripes::raiseFlag(Value thread) {
  Value isFirst =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, thread, b.i32(0));
  // The barrier has ordered the sums of all threads before the release.
  b.when(isFirst, [&] {
    b.ptx({}, "st.release.gpu.global.b32 [$0], 1;", "l", flagOf(block));
  });
}

void Stripes::waitForEarlier(const Part &part, Value thread, int64_t threads) {
  b.loop(b.add(part.firstBlock, thread), block, b.i32(threads),
         [&](Value number) {
           b.ptx({},
                 "{ .reg .pred raised;\n"
                 ".reg .b32 flag;\n"
                 "wait_${:uid}:\n"
                 "ld.acquire.gpu.global.b32 flag, [$0];\n"
                 "setp.ne.b32 raised, flag, 0;\n"
                 "@!raised bra wait_${:uid};\n"
                 "st.relaxed.gpu.global.b32 [$0], 0;\n"
                 "}",
                 "l", flagOf(number));
         });
}

Value Stripes::addEarlier(const Part &part, Value place, Value four) {
  KernelBuilder::Values sum = {four};
  b.loop(part.firstBlock, block, b.i32(1), sum,
         [&](Value number, KernelBuilder::Values &sum) {
           SmallVector<Type> types(4, b.getF32Type());
           // From L2: L1 may hold what lay there before.
           Value loaded =
               b.ptx(types, "ld.global.cg.v4.f32 {$0, $1, $2, $3}, [$4];",
                     "=f,=f,=f,=f,l", b.advance(sumsOf(number), place, 1))[0];
           SmallVector<Value> elements;
           for (int64_t i = 0; i < 4; ++i)
             elements.push_back(LLVM::ExtractValueOp::create(b, loaded, i));
           Value earlier = vector::FromElementsOp::create(
               b, VectorType::get(4, b.getF32Type()), elements);
           sum[0] = arith::AddFOp::create(b, sum[0], earlier);
         });
  return sum[0];
}
