//===- TileLinear.cpp - y = x W^T in tiles of bf16 ------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// for every 256 rows of x and 2048 columns      (1 MiB in bf16: second level)
//   for every panel of 64 rows of W
//     for every span of 256 columns             (32 KiB decoded: first level)
//       for every 32 rows of x and of W         (four tiles of sums)
//         sums += x tiles * W tiles, while a part of the next span is decoded
//     y += sums
//
// Products and decoding use different units of the processor. A tile product
// occupies its unit for 16 cycles; in between, the instructions that decode
// fit into the window in which the processor reorders.
//
//===----------------------------------------------------------------------===//
#include "TileLinear.h"

#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

bool TileLinear::isAvailable(const LinearKernelSpec &spec,
                             const CpuTarget &target) {
  return !spec.exact && target.has("amx-bf16") && target.has("avx512bf16") &&
         target.isLinux();
}

TileLinear::TileLinear(ImplicitLocOpBuilder &builder,
                       const LinearKernelSpec &spec, const CpuTarget &target,
                       const KernelArguments &arguments)
    : v(builder, target), unit(v), layout(spec.layout),
      h(spec.layout.hierarchy), arguments(arguments),
      parameters(v, layout, this->arguments), chunks(layout.chunks()),
      spans((chunks + spanChunks - 1) / spanChunks),
      spansPerPass(std::min(spans, mostSpans)) {
  Type bf16 = v.b.getBF16Type();
  auto aligned = v.b.getI64IntegerAttr(64);
  inputs = memref::AllocaOp::create(
      v.b,
      MemRefType::get({rowsPerPass * spansPerPass * spanChunks, tileColumns},
                      bf16),
      aligned);
  weights = memref::AllocaOp::create(
      v.b,
      MemRefType::get({2 * panelBlocks * spanChunks * tileRows, tileColumns},
                      bf16),
      aligned);
  sums = memref::AllocaOp::create(
      v.b,
      MemRefType::get({rowsPerPass * panelBlocks, lanes}, v.b.getF32Type()),
      aligned);
}

void TileLinear::emit() {
  v.loop(v.index(0), arguments.inputRows, rowsPerPass, [&](Value first) {
    Value rows =
        v.smaller(v.sub(arguments.inputRows, first), v.index(rowsPerPass));
    Value rowTiles = v.quotient(v.add(rows, tileRows - 1), tileRows);
    v.loop(v.index(0), v.index(spans), spansPerPass, [&](Value firstSpan) {
      Value count =
          v.smaller(v.sub(v.index(spans), firstSpan), v.index(spansPerPass));
      emitPass({first, rows, rowTiles, firstSpan, count});
    });
  });
}

TileLinear::Span TileLinear::spanAt(const Pass &pass, Value number) {
  Value panel = arith::DivUIOp::create(v.b, number, pass.spans);
  Value span = arith::RemUIOp::create(v.b, number, pass.spans);
  return {v.add(arguments.firstBlock, v.times(panel, panelBlocks)),
          v.times(v.add(pass.firstSpan, span), spanChunks), span, number};
}

void TileLinear::emitPass(const Pass &pass) {
  convertRows(pass);
  const Value zero = v.index(0), one = v.index(1);
  Value blocks = v.sub(arguments.endBlock, arguments.firstBlock);
  Value count = arith::MulIOp::create(
      v.b, v.quotient(v.add(blocks, panelBlocks - 1), panelBlocks), pass.spans);
  Value last = v.sub(count, one);
  auto spanOf = [&](Value number) {
    return spanAt(pass, v.smaller(number, last));
  };
  const int64_t parts = 2 * panelBlocks; // halves of blocks
  v.loop(zero, v.index(parts), 1,
         [&](Value part) { decodePart(spanOf(zero), spanOf(one), part); });
  v.loop(zero, count, 1, [&](Value number) {
    Span span = spanAt(pass, number);
    Span next = spanOf(v.add(number, 1));
    next.number = v.add(number, 1);
    Span afterNext = spanOf(v.add(number, 2));
    auto ifSpan = [&](Value which, llvm::function_ref<void()> body) {
      Value isIt = arith::CmpIOp::create(v.b, arith::CmpIPredicate::eq,
                                         span.inPass, which);
      scf::IfOp::create(v.b, isIt, [&](OpBuilder &, Location) {
        body();
        scf::YieldOp::create(v.b);
      });
    };
    ifSpan(zero, [&] { clearSums(pass); });
    // Whole pairs of tiles are computed; what is beyond the last row or block
    // is dropped.
    Value rowPairs = v.quotient(v.add(pass.rowTiles, 1), 2);
    Value sides = v.smaller(v.sub(arguments.endBlock, span.firstBlock),
                            v.index(panelBlocks));
    Value sidePairs = v.quotient(v.add(sides, 1), 2);
    Value products = arith::MulIOp::create(v.b, rowPairs, sidePairs);
    auto product = [&](Value index, bool decodes) {
      Value row = arith::DivUIOp::create(v.b, index, sidePairs);
      Value side = arith::RemUIOp::create(v.b, index, sidePairs);
      multiply(span, v.times(row, 2), v.times(side, 2),
               decodes ? &next : nullptr, &afterNext, index);
    };
    Value decoding = v.smaller(products, v.index(parts));
    v.loop(zero, decoding, 1, [&](Value index) { product(index, true); });
    v.loop(decoding, products, 1, [&](Value index) { product(index, false); });
    v.loop(decoding, v.index(parts), 1,
           [&](Value part) { decodePart(next, afterNext, part); });
    ifSpan(v.sub(pass.spans, one), [&] { storeSums(pass, span); });
  });
}

//===----------------------------------------------------------------------===//
// x
//===----------------------------------------------------------------------===//

Value TileLinear::loadColumns(Value row, Value column, Value end) {
  SmallVector<Value> place = {row, column};
  if (layout.columns % tileColumns == 0 &&
      layout.runColumns() % tileColumns == 0)
    return v.load(arguments.input, place);
  Value mask = vector::CreateMaskOp::create(
      v.b, VectorType::get({lanes}, v.b.getI1Type()),
      ValueRange{v.greater(v.sub(end, column), v.index(0))});
  return vector::MaskedLoadOp::create(v.b, v.floats, arguments.input, place,
                                      mask, v.splat(0.0f));
}

void TileLinear::convertRows(const Pass &pass) {
  const int64_t stride = spansPerPass * spanChunks; // chunks of a row tile
  auto halves = VectorType::get({lanes}, v.b.getBF16Type());
  Value firstChunk = v.times(pass.firstSpan, spanChunks);
  Value padded = v.times(pass.spans, spanChunks);
  Value count = v.smaller(v.sub(v.index(chunks), firstChunk), padded);
  v.loop(v.index(0), pass.rows, 1, [&](Value row) {
    Value start = v.add(v.times(v.quotient(row, tileRows), stride * tileRows),
                        v.remainder(row, tileRows));
    auto placeOf = [&](Value chunk) {
      return v.add(start, v.times(chunk, tileRows));
    };
    v.loop(v.index(0), count, 1, [&](Value i) {
      Value chunk = v.add(firstChunk, i);
      Value run = v.quotient(chunk, layout.chunksPerRun());
      Value column = v.add(
          v.times(run, layout.runColumns()),
          v.times(v.remainder(chunk, layout.chunksPerRun()), tileColumns));
      Value end = v.smaller(v.times(v.add(run, 1), layout.runColumns()),
                            v.index(layout.columns));
      for (int64_t half = 0; half < tileColumns; half += lanes) {
        Value x =
            loadColumns(v.add(pass.firstRow, row), v.add(column, half), end);
        vector::StoreOp::create(v.b, arith::TruncFOp::create(v.b, halves, x),
                                inputs, ValueRange{placeOf(i), v.index(half)});
      }
    });
    Value zeros = arith::ConstantOp::create(
        v.b, cast<TypedAttr>(v.b.getZeroAttr(halves)));
    v.loop(count, padded, 1, [&](Value i) {
      for (int64_t half = 0; half < tileColumns; half += lanes)
        vector::StoreOp::create(v.b, zeros, inputs,
                                ValueRange{placeOf(i), v.index(half)});
    });
  });
}

//===----------------------------------------------------------------------===//
// W
//===----------------------------------------------------------------------===//

class TileLinear::ChunkDecoder {
public:
  ChunkDecoder(TileLinear &parent, Value block, Value chunk, Value firstPair)
      : parent(parent), v(parent.v), block(block), chunk(chunk),
        firstPair(firstPair), codes(v, parent.unit, parent.h,
                                    parent.parameters.packed(), block, chunk) {}

  /// Columns [16 half, 16 half + 16).
  void decodeHalf(int half);

private:
  Value pairOf(Value low, Value high);

  TileLinear &parent;
  VectorBuilder &v;
  Value block, chunk, firstPair;
  ChunkCodes codes;
  Value factor, addend; // of the group
};

/// (low, high) of every lane, rounded to bf16.
Value TileLinear::ChunkDecoder::pairOf(Value low, Value high) {
  auto halves = VectorType::get({2 * lanes}, v.b.getBF16Type());
  Value rounded =
      LLVM::CallIntrinsicOp::create(
          v.b, halves,
          v.b.getStringAttr("llvm.x86.avx512bf16.cvtne2ps2bf16.512"),
          ValueRange{high, low})
          .getResult(0);
  SmallVector<int64_t> order;
  for (int64_t lane = 0; lane < lanes; ++lane)
    order.append({lane, lanes + lane});
  return vector::ShuffleOp::create(v.b, rounded, rounded, order);
}

void TileLinear::ChunkDecoder::decodeHalf(int half) {
  const AffineHierarchy &h = parent.h;
  // The bits of a code as the upper ones of the mantissa of 1 are the number
  // f = 1 + q 2^-bits, so w = (S 2^bits) f + (M - S 2^bits).
  const int bits = ChunkCodes::codeBits(h), place = 23 - bits;
  const int mask = ((1 << bits) - 1) << place;
  const bool twoGroups = h.hasLevels() && h.groupSize < tileColumns;
  if (half == 0 || twoGroups) {
    auto [scale, minimum] = parent.parameters.affine(block, chunk, half);
    factor = v.mulF(scale, v.splat(float(1 << bits)));
    addend = arith::SubFOp::create(v.b, minimum, factor);
  }
  for (int step = 4 * half; step < 4 * half + 4; ++step) {
    Value dword = codes.codes(step);
    VectorBuilder::Values weight;
    for (int byte = 0; byte < 4; ++byte) {
      Value field = v.andBits(v.shift(dword, 8 * byte - place), v.splat(mask));
      Value number = arith::BitcastOp::create(
          v.b, v.floats, v.orBits(field, v.splat(0x3f800000)));
      weight.push_back(v.fma(number, factor, addend));
    }
    for (int pair = 0; pair < 2; ++pair)
      vector::StoreOp::create(
          v.b, pairOf(weight[2 * pair], weight[2 * pair + 1]), parent.weights,
          ValueRange{v.add(firstPair, 2 * step + pair), v.index(0)});
  }
}

TileLinear::ChunkDecoder TileLinear::chunkDecoder(const Span &span,
                                                  const Span &afterwards,
                                                  Value part, Value chunk) {
  // What is beyond the end is decoded like the last of its kind, and meets x
  // that is zero, or gives sums that are dropped.
  Value side = v.quotient(part, 2);
  Value inSpan = v.add(v.times(v.remainder(part, 2), spanChunks / 2), chunk);
  auto blockOf = [&](const Span &of) {
    return v.smaller(v.add(of.firstBlock, side), lastBlock());
  };
  auto chunkOf = [&](const Span &of) {
    return v.smaller(v.add(of.firstChunk, inSpan), v.index(chunks - 1));
  };
  parameters.prefetch(blockOf(afterwards), chunkOf(afterwards));
  return {*this, blockOf(span), chunkOf(span),
          pairsOf(v.remainder(span.number, 2), side, inSpan)};
}

void TileLinear::decodePart(const Span &span, const Span &afterwards,
                            Value part) {
  v.loop(v.index(0), v.index(spanChunks / 2), 1, [&](Value chunk) {
    ChunkDecoder decoder = chunkDecoder(span, afterwards, part, chunk);
    decoder.decodeHalf(0);
    decoder.decodeHalf(1);
  });
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

void TileLinear::multiply(const Span &span, Value rowTile, Value side,
                          const Span *next, const Span *afterNext, Value part) {
  auto tileOf = [&](int64_t columns, Type element) {
    return amx::TileType::get({tileRows, columns}, element);
  };
  Type sumType = tileOf(lanes, v.b.getF32Type());
  Type operandType = tileOf(tileColumns, v.b.getBF16Type());
  const Value zero = v.index(0);
  Value inPass = v.times(span.inPass, spanChunks);
  auto place = [&](int sum) -> SmallVector<Value> {
    return {sumsOf(v.add(rowTile, sum / 2), v.add(side, sum % 2)), zero};
  };
  VectorBuilder::Values total;
  for (int sum = 0; sum < 4; ++sum)
    total.push_back(amx::TileLoadOp::create(v.b, sumType, sums, place(sum)));
  SmallVector<ChunkDecoder> decoders;
  for (int64_t chunk = 0; chunk < spanChunks; ++chunk) {
    VectorBuilder::Values x, w;
    for (int half = 0; half < 2; ++half) {
      Value row = v.times(v.add(rowTile, half), spansPerPass * spanChunks);
      x.push_back(amx::TileLoadOp::create(
          v.b, operandType, inputs,
          ValueRange{v.times(v.add(v.add(row, inPass), chunk), tileRows),
                     zero}));
      w.push_back(amx::TileLoadOp::create(
          v.b, operandType, weights,
          ValueRange{pairsOf(v.remainder(span.number, 2), v.add(side, half),
                             v.index(chunk)),
                     zero}));
    }
    for (int sum = 0; sum < 4; ++sum)
      total[sum] = amx::TileMulFOp::create(v.b, sumType, x[sum / 2], w[sum % 2],
                                           total[sum]);
    if (!next)
      continue;
    // Loads whose address is that of an earlier store modulo 4 KiB wait for it.
    // Products that follow soon read other quarters of a page than the one
    // which is written here.
    const int64_t decoded = chunk % (spanChunks / 2);
    if (chunk == decoded)
      decoders.push_back(
          chunkDecoder(*next, *afterNext, part, v.index(decoded)));
    decoders[decoded].decodeHalf(chunk / (spanChunks / 2));
  }
  for (int sum = 0; sum < 4; ++sum)
    amx::TileStoreOp::create(v.b, sums, place(sum), total[sum]);
}

void TileLinear::clearSums(const Pass &pass) {
  Value pairs = v.quotient(v.add(pass.rowTiles, 1), 2);
  v.loop(v.index(0), v.times(pairs, 2 * tileRows * panelBlocks), 1,
         [&](Value row) {
           vector::StoreOp::create(v.b, v.splat(0.0f), sums,
                                   ValueRange{row, v.index(0)});
         });
}

void TileLinear::storeSums(const Pass &pass, const Span &span) {
  Value sides = v.smaller(v.sub(arguments.endBlock, span.firstBlock),
                          v.index(panelBlocks));
  Value isFirst = arith::CmpIOp::create(v.b, arith::CmpIPredicate::eq,
                                        pass.firstSpan, v.index(0));
  v.loop(v.index(0), pass.rows, 1, [&](Value row) {
    v.loop(v.index(0), sides, 1, [&](Value side) {
      Value place = v.add(sumsOf(v.quotient(row, tileRows), side),
                          v.remainder(row, tileRows));
      Value sum = v.load(sums, {place, v.index(0)});
      Value output = v.add(pass.firstRow, row);
      Value block = v.add(span.firstBlock, side);
      if (spans > spansPerPass) {
        Value before = parameters.loadOutput(output, block);
        sum = arith::SelectOp::create(v.b, isFirst, sum,
                                      arith::AddFOp::create(v.b, before, sum));
      }
      parameters.storeOutput(output, block, sum);
    });
  });
}
