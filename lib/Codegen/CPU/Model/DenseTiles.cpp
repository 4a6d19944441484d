//===- DenseTiles.cpp - products with half-precision rows in tiles --------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// for every 256 rows of x and 1024 columns        (1 MiB in two parts)
//   x into tiles of pairs of columns
//   for every panel of 32 rows of W
//     for every span of 256 columns               (up to 32 KiB)
//       W into tiles
//       for every 32 rows of x: sums += W tiles * x tiles
//     y (+)= sums, transposed
//
// W is the left operand, whose tiles are rows as they are stored; x, which is
// converted once for many rows of W, the right one, whose tiles are transposed.
//
//===----------------------------------------------------------------------===//
#include "DenseTiles.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

bool DenseTiles::isAvailable(const CpuTarget &target, GgufType type) {
  return (type == GgufType::F16 || type == GgufType::BF16) &&
         target.has("amx-bf16") && target.has("avx512bf16") && target.isLinux();
}

DenseTiles::DenseTiles(ImplicitLocOpBuilder &builder, const CpuTarget &target,
                       GgufType type, int64_t rows, int64_t columns,
                       const Arguments &arguments)
    : v(builder, target), type(type), rows(rows), columns(columns),
      chunks((columns + tileColumns - 1) / tileColumns),
      weightParts(type == GgufType::F16 ? 2 : 1), arguments(arguments) {
  auto allocate = [&](int64_t tiles, Type element, int64_t width) -> Value {
    return memref::AllocaOp::create(
        v.b, MemRefType::get({tiles * tileRows, width}, element),
        v.b.getI64IntegerAttr(64));
  };
  Type bf16 = v.b.getBF16Type();
  const int64_t rowTiles = rowsPerPass / tileRows;
  inputs = allocate(rowTiles * passChunks * 2, bf16, tileColumns);
  weights = allocate(panelBlocks * spanChunks * weightParts, bf16, tileColumns);
  sums = allocate(rowTiles * panelBlocks, v.b.getF32Type(), lanes);
}

void DenseTiles::emit() {
  v.loop(v.index(0), arguments.inputRows, rowsPerPass, [&](Value first) {
    Value count =
        v.smaller(v.sub(arguments.inputRows, first), v.index(rowsPerPass));
    v.loop(v.index(0), v.index(chunks), passChunks, [&](Value firstChunk) {
      Value left =
          v.smaller(v.sub(v.index(chunks), firstChunk), v.index(passChunks));
      emitPass({first, count, firstChunk,
                v.quotient(v.add(left, spanChunks - 1), spanChunks)});
    });
  });
}

void DenseTiles::emitPass(const Pass &pass) {
  convertRows(pass);
  Value pairs = v.quotient(v.add(pass.rows, 2 * tileRows - 1), 2 * tileRows);
  v.loop(arguments.firstBlock, arguments.endBlock, panelBlocks,
         [&](Value block) {
           v.loop(v.index(0), v.times(pairs, 2 * panelBlocks * tileRows), 1,
                  [&](Value i) {
                    vector::StoreOp::create(v.b, v.splat(0.0f), sums,
                                            ValueRange{i, v.index(0)});
                  });
           v.loop(v.index(0), pass.spans, 1, [&](Value span) {
             Value chunk = v.times(span, spanChunks);
             convertSpan(block, v.add(pass.firstChunk, chunk));
             v.loop(v.index(0), pairs, 1,
                    [&](Value pair) { multiply(pair, chunk); });
           });
           storeSums(pass, block, v.sub(arguments.endBlock, block));
         });
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

Value DenseTiles::loadColumns(Value buffer, Value row, Value column) {
  Type element = cast<MemRefType>(buffer.getType()).getElementType();
  auto vectorType = VectorType::get({lanes}, element);
  Value at = v.add(v.times(row, columns), column);
  Value loaded;
  if (columns % tileColumns == 0) {
    loaded = vector::LoadOp::create(v.b, vectorType, buffer, ValueRange{at});
  } else {
    Value left = v.greater(v.sub(v.index(columns), column), v.index(0));
    Value mask = vector::CreateMaskOp::create(
        v.b, VectorType::get({lanes}, v.b.getI1Type()), ValueRange{left});
    loaded = vector::MaskedLoadOp::create(
        v.b, vectorType, buffer, ValueRange{at}, mask,
        arith::ConstantOp::create(
            v.b, cast<TypedAttr>(v.b.getZeroAttr(vectorType))));
  }
  return element.isF32() ? loaded
                         : arith::ExtFOp::create(v.b, v.floats, loaded);
}

/// 32 numbers in bf16, of which the first 16 are `low`, as dwords of two.
static Value roundPair(VectorBuilder &v, Value low, Value high) {
  Value rounded =
      LLVM::CallIntrinsicOp::create(
          v.b, VectorType::get({2 * lanes}, v.b.getBF16Type()),
          v.b.getStringAttr("llvm.x86.avx512bf16.cvtne2ps2bf16.512"),
          ValueRange{high, low})
          .getResult(0);
  return vector::BitCastOp::create(v.b, v.dwords, rounded);
}

void DenseTiles::split(Value buffer, Value row, Value column, bool twoParts,
                       VectorBuilder::Values &high,
                       VectorBuilder::Values &low) {
  VectorBuilder::Values upper, rest;
  for (int half = 0; half < 2; ++half) {
    Value x = loadColumns(buffer, row, v.add(column, half * lanes));
    if (twoParts) {
      // Rounded, not cut off, so that products of the second parts, which are
      // left out, have no sign in common.
      Value bits = arith::AddIOp::create(
          v.b, arith::BitcastOp::create(v.b, v.dwords, x),
          v.splat(int32_t(0x8000)));
      Value cut = v.andBits(bits, v.splat(int32_t(0xffff0000)));
      upper.push_back(arith::BitcastOp::create(v.b, v.floats, cut));
      rest.push_back(arith::SubFOp::create(v.b, x, upper.back()));
    } else {
      upper.push_back(x);
    }
  }
  high.push_back(roundPair(v, upper[0], upper[1]));
  if (twoParts)
    low.push_back(roundPair(v, rest[0], rest[1]));
}

VectorBuilder::Values DenseTiles::transpose(VectorBuilder::Values rows) {
  // Exchanges a bit of the number of the row with that of the lane at a time.
  for (int64_t bit = 1; bit < lanes; bit *= 2)
    for (int64_t i = 0; i < lanes; ++i) {
      if (i & bit)
        continue;
      SmallVector<int64_t> even, odd;
      for (int64_t lane = 0; lane < lanes; ++lane) {
        even.push_back(lane & bit ? lanes + lane - bit : lane);
        odd.push_back(lane & bit ? lanes + lane : lane + bit);
      }
      Value a = rows[i], c = rows[i + bit];
      rows[i] = vector::ShuffleOp::create(v.b, a, c, even);
      rows[i + bit] = vector::ShuffleOp::create(v.b, a, c, odd);
    }
  return rows;
}

static void storePairs(VectorBuilder &v, Value dwords, Value tiles, Value row) {
  Value halves = vector::BitCastOp::create(
      v.b, VectorType::get({2 * lanes}, v.b.getBF16Type()), dwords);
  vector::StoreOp::create(v.b, halves, tiles, ValueRange{row, v.index(0)});
}

void DenseTiles::convertRows(const Pass &pass) {
  // Pairs of tiles are multiplied: what is beyond the last row is dropped.
  Value pairs = v.quotient(v.add(pass.rows, 2 * tileRows - 1), 2 * tileRows);
  Value last = v.sub(arguments.inputRows, v.index(1));
  v.loop(v.index(0), v.times(pairs, 2), 1, [&](Value tile) {
    Value first = v.add(pass.firstRow, v.times(tile, tileRows));
    v.loop(v.index(0), v.times(pass.spans, spanChunks), 1, [&](Value chunk) {
      // Chunks beyond the last column repeat it; their weights are zero.
      Value inRow =
          v.smaller(v.add(pass.firstChunk, chunk), v.index(chunks - 1));
      Value column = v.times(inRow, tileColumns);
      VectorBuilder::Values parts[2];
      for (int row = 0; row < tileRows; ++row)
        split(arguments.x, v.smaller(v.add(first, row), last), column,
              /*twoParts=*/true, parts[0], parts[1]);
      for (int part = 0; part < 2; ++part) {
        VectorBuilder::Values turned = transpose(parts[part]);
        Value place = inputTile(tile, chunk, part);
        for (int row = 0; row < tileRows; ++row)
          storePairs(v, turned[row], inputs, v.add(place, row));
      }
    });
  });
}

void DenseTiles::convertSpan(Value firstBlock, Value firstChunk) {
  Value last = v.index(rows - 1);
  Value count =
      v.smaller(v.sub(v.index(chunks), firstChunk), v.index(spanChunks));
  for (int side = 0; side < panelBlocks; ++side) {
    Value first = v.times(v.add(firstBlock, side), tileRows);
    v.loop(v.index(0), v.index(tileRows), 1, [&](Value i) {
      Value row = v.smaller(v.add(first, i), last);
      auto put = [&](Value dwords, Value chunk, int part) {
        storePairs(v, dwords, weights, v.add(weightTile(side, chunk, part), i));
      };
      v.loop(v.index(0), count, 1, [&](Value chunk) {
        VectorBuilder::Values parts[2];
        split(arguments.w, row, v.times(v.add(firstChunk, chunk), tileColumns),
              weightParts == 2, parts[0], parts[1]);
        for (int part = 0; part < weightParts; ++part)
          put(parts[part][0], chunk, part);
      });
      v.loop(count, v.index(spanChunks), 1, [&](Value chunk) {
        for (int part = 0; part < weightParts; ++part)
          put(v.splat(int32_t(0)), chunk, part);
      });
    });
  }
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

void DenseTiles::multiply(Value rowPair, Value firstChunk) {
  auto operand = amx::TileType::get({tileRows, tileColumns}, v.b.getBF16Type());
  auto sumType = amx::TileType::get({tileRows, lanes}, v.b.getF32Type());
  const Value zero = v.index(0);
  SmallVector<Value> tiles = {v.times(rowPair, 2)};
  tiles.push_back(v.add(tiles[0], 1));
  VectorBuilder::Values total[2]; // [side][row tile]
  for (int side = 0; side < 2; ++side)
    for (Value tile : tiles)
      total[side].push_back(amx::TileLoadOp::create(
          v.b, sumType, sums, ValueRange{sumTile(tile, side), zero}));
  for (int64_t number = 0; number < spanChunks; ++number) {
    auto x = [&](int tile, int part) -> Value {
      return amx::TileLoadOp::create(
          v.b, operand, inputs,
          ValueRange{inputTile(tiles[tile], v.add(firstChunk, number), part),
                     zero});
    };
    auto w = [&](int side, int part) -> Value {
      return amx::TileLoadOp::create(
          v.b, operand, weights,
          ValueRange{weightTile(side, v.index(number), part), zero});
    };
    auto add = [&](int side, int tile, Value left, Value right) {
      Value &sum = total[side][tile];
      sum = amx::TileMulFOp::create(v.b, sumType, left, right, sum);
    };
    // There are eight registers, four of which hold sums.
    Value high[2] = {x(0, 0), x(1, 0)};
    if (weightParts == 1) {
      Value weight[2] = {w(0, 0), w(1, 0)};
      for (int tile = 0; tile < 2; ++tile)
        for (int side = 0; side < 2; ++side)
          add(side, tile, weight[side], high[tile]);
      for (int tile = 0; tile < 2; ++tile) {
        Value low = x(tile, 1);
        for (int side = 0; side < 2; ++side)
          add(side, tile, weight[side], low);
      }
      continue;
    }
    for (int side = 0; side < 2; ++side) {
      Value weight = w(side, 0);
      for (int tile = 0; tile < 2; ++tile)
        add(side, tile, weight, high[tile]);
      for (int tile = 0; tile < 2; ++tile)
        add(side, tile, weight, x(tile, 1));
      Value rest = w(side, 1);
      for (int tile = 0; tile < 2; ++tile)
        add(side, tile, rest, high[tile]);
    }
  }
  for (int side = 0; side < 2; ++side)
    for (int tile = 0; tile < 2; ++tile)
      amx::TileStoreOp::create(v.b, sums,
                               ValueRange{sumTile(tiles[tile], side), zero},
                               total[side][tile]);
}

void DenseTiles::storeSums(const Pass &pass, Value firstBlock, Value blocks) {
  auto flags = VectorType::get({lanes}, v.b.getI1Type());
  Value isFirst = arith::CmpIOp::create(v.b, arith::CmpIPredicate::eq,
                                        pass.firstChunk, v.index(0));
  Value tiles = v.quotient(v.add(pass.rows, tileRows - 1), tileRows);
  for (int side = 0; side < panelBlocks; ++side) {
    Value firstOutput = v.times(v.add(firstBlock, side), tileRows);
    // Nothing of a block that is not there.
    Value there = arith::CmpIOp::create(v.b, arith::CmpIPredicate::ugt, blocks,
                                        v.index(side));
    Value width =
        v.smaller(v.sub(v.index(rows), firstOutput), v.index(tileRows));
    Value mask = vector::CreateMaskOp::create(
        v.b, flags,
        ValueRange{arith::SelectOp::create(v.b, there, width, v.index(0))});
    v.loop(v.index(0), tiles, 1, [&](Value tile) {
      VectorBuilder::Values outputs;
      for (int row = 0; row < tileRows; ++row)
        outputs.push_back(
            v.load(sums, {v.add(sumTile(tile, side), row), v.index(0)}));
      outputs = transpose(outputs);
      for (int row = 0; row < tileRows; ++row) {
        Value inPass = v.add(v.times(tile, tileRows), row);
        Value isRow = arith::CmpIOp::create(v.b, arith::CmpIPredicate::ult,
                                            inPass, pass.rows);
        Value lanesHere = arith::AndIOp::create(v.b, mask, v.broadcast(isRow));
        Value at =
            v.add(v.times(v.add(pass.firstRow, inPass), rows), firstOutput);
        // Of the first columns, nothing is there yet.
        Value before = arith::AndIOp::create(
            v.b, lanesHere,
            v.broadcast(arith::XOrIOp::create(
                v.b, isFirst,
                arith::ConstantOp::create(v.b, v.b.getBoolAttr(true)))));
        Value old = vector::MaskedLoadOp::create(
            v.b, v.floats, arguments.y, ValueRange{at}, before, v.splat(0.0f));
        vector::MaskedStoreOp::create(
            v.b, arguments.y, ValueRange{at}, lanesHere,
            arith::AddFOp::create(v.b, outputs[row], old));
      }
    });
  }
}
