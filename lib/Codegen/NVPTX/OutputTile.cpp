//===- OutputTile.cpp - from f32 sums of warps to y -----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "OutputTile.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

void OutputTile::put(Value split, Value firstOutput, const Sums &sums) {
  Value row = b.add(b.mul(split, inputRows), b.mul(b.rem(frame.lane, 4), 2));
  Value column = b.add(firstOutput, b.div(frame.lane, 4));
  // Where a block goes through several tiles of rows, one register instead of
  // one for each sum's address.
  Value target = b.opaque(
      b.add(frame.shared, b.mul(b.add(b.mul(row, pitch()), column), 4)));
  int64_t blocks = inputRows / 8;
  for (auto [index, sum] : llvm::enumerate(sums)) {
    int64_t i = index % 4, block = index / 4 % blocks,
            tile = index / 4 / blocks;
    int64_t place = (8 * block + i % 2) * pitch() + 16 * tile + 8 * (i / 2);
    b.storeShared(sum, b.add(target, 4 * place), 4);
  }
}

Value OutputTile::load(Value address, int64_t rank) {
  auto four = VectorType::get(4, b.getF32Type());
  if (cluster == 1)
    return b.loadShared(four, address, 16);
  SmallVector<Type> types(4, b.getF32Type());
  Value loaded = b.ptx(types,
                       "{ .reg .b32 place;\n"
                       "mapa.shared::cluster.u32 place, $4, " +
                           std::to_string(rank) +
                           ";\n"
                           "ld.shared::cluster.v4.f32 {$0, $1, $2, $3}, "
                           "[place];\n"
                           "}",
                       "=f,=f,=f,=f,r", address)[0];
  SmallVector<Value> elements;
  for (int64_t i = 0; i < 4; ++i)
    elements.push_back(LLVM::ExtractValueOp::create(b, loaded, i));
  return vector::FromElementsOp::create(b, four, elements);
}

Value OutputTile::sum(Value row, Value column) {
  Value source =
      b.add(frame.shared, b.mul(b.add(b.mul(row, pitch()), column), 4));
  Value sum;
  for (int64_t i = 0; i < cluster * splits; ++i) {
    int64_t place = i % splits * inputRows * pitch();
    Value part = load(b.add(source, 4 * place), i / splits);
    sum = i == 0 ? part : arith::AddFOp::create(b, sum, part).getResult();
  }
  return sum;
}

void OutputTile::leave(Value target, int64_t threads) {
  b.loop(
      frame.thread, b.i32(inputRows * outputs / 4), b.i32(threads),
      [&](Value index) {
        Value four =
            sum(b.div(index, outputs / 4), b.mul(b.rem(index, outputs / 4), 4));
        b.store(b.bitcast(b.words(), four), b.advance(target, index, 16), 16);
      });
}

void OutputTile::store(Value firstRow, int64_t threads, Value tile,
                       Earlier earlier) {
  int64_t piecesOfRow = outputs / 8; // a thread takes eight outputs of a row
  Type element = spec.activation == ActivationType::F16 ? Type(b.getF16Type())
                                                        : Type(b.getBF16Type());
  Value block = b.block(gpu::Dimension::x);
  Value firstOutput = b.mul(tile ? tile : b.div(block, cluster), outputs);
  Value first = b.add(frame.thread, b.mul(b.rem(block, cluster), threads));
  b.loop(first, b.i32(inputRows * piecesOfRow), b.i32(threads * cluster),
         [&](Value index) {
           Value row = b.div(index, piecesOfRow);
           Value column = b.mul(b.rem(index, piecesOfRow), 8);
           Value rowOfAll = b.add(firstRow, row);
           Value output = b.add(firstOutput, column);
           Value inside = b.both(b.less(rowOfAll, frame.inputRows),
                                 b.less(output, spec.rows()));
           b.when(inside, [&] {
             Value narrow[2];
             for (int64_t half = 0; half < 2; ++half) {
               Value four = sum(row, b.add(column, 4 * half));
               if (earlier)
                 four = earlier(b.add(b.mul(index, 32), 16 * half), four);
               narrow[half] = arith::TruncFOp::create(
                   b, VectorType::get(4, element), four);
             }
             Value eight = vector::ShuffleOp::create(
                 b, narrow[0], narrow[1],
                 ArrayRef<int64_t>{0, 1, 2, 3, 4, 5, 6, 7});
             Value target = b.advance(frame.output, rowOfAll, spec.rows() * 2);
             b.store(b.bitcast(b.words(), eight), b.advance(target, output, 2),
                     16);
           });
         });
}
