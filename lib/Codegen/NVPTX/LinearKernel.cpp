//===- LinearKernel.cpp - the fused dequantization kernel ----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Codegen/NVPTX/LinearKernel.h"
#include "Dequantize.h"
#include "KernelBuilder.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

namespace {

/// Sums of a warp: 16 rows x 32 outputs are four accumulators of mma.sync, with
/// four f32 per lane each. Sum 4 j + i is accumulator register i of n8 block j.
using Sums = std::array<Value, 16>;

class LinearKernel {
public:
  LinearKernel(KernelBuilder &b, gpu::GPUFuncOp function,
               const LinearKernelSpec &spec)
      : b(b), spec(spec), decode(b, spec.activation) {
    auto arguments =
        function.getArguments().take_front(function.getNumArguments());
    input = arguments[0];
    packed = arguments[1];
    scales = arguments[2];
    zeros = spec.hasZeros() ? Value(arguments[3]) : Value();
    output = arguments[arguments.size() - 2];
    inputRows = arguments.back();
    partialSums = function.getWorkgroupAttributions()[0];
  }
  void build();

private:
  void locate();
  void buildTileOfRows(Value firstRow);
  Sums addChunk(Value chunk, Value row0, Value row1, Sums sums);
  Sums multiply(Value words, Value x0, Value x1,
                ArrayRef<Dequantizer::Offset> offsets, Sums sums);
  Value loadInput(Value row, Value firstColumn);
  Value inputRow(Value row);
  void storeSums(const Sums &sums);
  void reduceAndStore(Value firstRow);

  Value index(Value value) {
    return arith::IndexCastUIOp::create(b, b.getIndexType(), value);
  }
  Value f32(double value) {
    return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
  }

  KernelBuilder &b;
  const LinearKernelSpec &spec;
  Dequantizer decode;
  Value input, packed, scales, zeros, output, inputRows, partialSums;
  // Of this lane: fragment column r and row pair c (see MmaLayout).
  Value thread, lane, warp, r, c, tile;
};

} // namespace

void LinearKernel::locate() {
  auto toI32 = [&](Value value) -> Value {
    return arith::IndexCastUIOp::create(b, b.getI32Type(), value);
  };
  thread = toI32(gpu::ThreadIdOp::create(b, gpu::Dimension::x));
  tile = toI32(gpu::BlockIdOp::create(b, gpu::Dimension::x));
  lane = b.rem(thread, 32);
  warp = b.div(thread, 32);
  r = b.div(lane, 4);
  c = b.rem(lane, 4);

  // From here on the pointers are those of the tile and the lane.
  int64_t groups = spec.weight.paddedGroups();
  packed = b.advance(packed, tile,
                     spec.weight.tilesOfColumns() * MmaLayout::tileBytes);
  packed = b.advance(packed, lane, 16);
  scales = b.advance(scales, tile, groups * MmaLayout::tileRows * 2);
  scales = b.advance(scales, c, 16);
  if (zeros) {
    zeros = b.advance(zeros, tile, groups * MmaLayout::tileRows);
    zeros = b.advance(zeros, r, 4);
  }
}

void LinearKernel::build() {
  locate();
  auto toI32 = [&](Value value) -> Value {
    return arith::IndexCastUIOp::create(b, b.getI32Type(), value);
  };
  Value first = b.mul(toI32(gpu::BlockIdOp::create(b, gpu::Dimension::y)), 16);
  Value step = b.mul(toI32(gpu::GridDimOp::create(b, gpu::Dimension::y)), 16);
  auto loop = scf::ForOp::create(b, first, inputRows, step);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  buildTileOfRows(loop.getInductionVar());
}

/// The row of x, clamped: rows past the end repeat the last one, and what comes
/// of them is never stored.
Value LinearKernel::inputRow(Value row) {
  Value last = b.add(inputRows, -1);
  Value clamped = arith::MinSIOp::create(b, row, last);
  return b.advance(input, clamped, spec.columns() * 2);
}

void LinearKernel::buildTileOfRows(Value firstRow) {
  Value row0 = inputRow(b.add(firstRow, r));
  Value row1 = inputRow(b.add(b.add(firstRow, r), 8));
  SmallVector<Value> zero(16, f32(0));
  auto loop = scf::ForOp::create(
      b, warp, b.i32(spec.chunks()), b.i32(spec.warps()), zero,
      [&](OpBuilder &, Location, Value chunk, ValueRange arguments) {
        Sums sums;
        llvm::copy(arguments, sums.begin());
        scf::YieldOp::create(b, addChunk(chunk, row0, row1, sums));
      });
  Sums sums;
  llvm::copy(loop.getResults(), sums.begin());
  storeSums(sums);
  gpu::BarrierOp::create(b);
  reduceAndStore(firstRow);
  gpu::BarrierOp::create(b); // before the next tile overwrites the sums
}

/// Eight activations of one row, from a column on; zeros past the last column.
Value LinearKernel::loadInput(Value row, Value firstColumn) {
  if (spec.columns() == spec.weight.paddedColumns())
    return b.load(b.words(), b.advance(row, firstColumn, 2), 16);
  Value inside = b.less(firstColumn, b.i32(spec.columns()));
  Value column = arith::SelectOp::create(b, inside, firstColumn, b.i32(0));
  Value words = b.load(b.words(), b.advance(row, column, 2), 16);
  Value none = arith::ConstantOp::create(b, b.getZeroAttr(b.words()));
  return arith::SelectOp::create(b, inside, words, none);
}

/// Adds the products of 128 columns. All loads come first, so that they are on
/// their way together.
Sums LinearKernel::addChunk(Value chunk, Value row0, Value row1, Sums sums) {
  constexpr int64_t steps = MmaLayout::chunkColumns / MmaLayout::tileColumns;
  Value weights = b.advance(packed, chunk, steps * MmaLayout::tileBytes);
  Value column = b.add(b.mul(chunk, MmaLayout::chunkColumns), b.mul(c, 8));
  std::array<Value, steps> words, x0, x1;
  for (int64_t step = 0; step < steps; ++step)
    words[step] =
        b.load(b.words(), b.advance(weights, step * MmaLayout::tileBytes), 16);
  for (int64_t step = 0; step < steps; ++step) {
    Value first = b.add(column, step * MmaLayout::tileColumns);
    x0[step] = loadInput(row0, first);
    x1[step] = loadInput(row1, first);
  }

  int64_t groupLength =
      spec.weight.scheme.groupLength(spec.weight.paddedColumns());
  int64_t groups = std::max<int64_t>(1, MmaLayout::chunkColumns / groupLength);
  for (int64_t g = 0; g < groups; ++g) {
    Value group = groups > 1
                      ? b.add(b.mul(chunk, groups), g)
                      : b.div(chunk, groupLength / MmaLayout::chunkColumns);
    Value groupScales =
        b.load(VectorType::get(8, b.getF16Type()),
               b.advance(scales, group, MmaLayout::tileRows * 2), 16);
    Value groupZeros;
    if (zeros)
      groupZeros = b.load(b.getI32Type(),
                          b.advance(zeros, group, MmaLayout::tileRows), 4);
    SmallVector<Dequantizer::Offset, 4> offsets;
    for (int64_t j = 0; j < 4; ++j)
      offsets.push_back(zeros ? decode.loadedOffset(groupZeros, j)
                              : decode.constantOffset(8));

    Sums products;
    products.fill(f32(0));
    for (int64_t step = g * steps / groups; step < (g + 1) * steps / groups;
         ++step)
      products = multiply(words[step], x0[step], x1[step], offsets, products);
    // Accumulator registers i and i + 2 are column 2 c + i of the n8 block.
    for (int64_t i = 0; i < 16; ++i) {
      Value scale = arith::ExtFOp::create(
          b, b.getF32Type(), b.element(groupScales, 2 * (i / 4) + i % 2));
      sums[i] = LLVM::FMAOp::create(b, scale, products[i], sums[i]);
    }
  }
  return sums;
}

/// One tile: 32 columns are two mma.sync deep, 32 outputs four wide.
Sums LinearKernel::multiply(Value words, Value x0, Value x1,
                            ArrayRef<Dequantizer::Offset> offsets, Sums sums) {
  bool bf16 = spec.activation == ActivationType::BF16;
  // mma.sync takes bf16 operands as i32.
  auto operand = [&](Value value) -> Value {
    Type type = bf16 ? Type(b.getI32Type()) : Type(decode.pairType());
    return value.getType() == type ? value : b.bitcast(type, value);
  };
  NVVM::MMATypes type = bf16 ? NVVM::MMATypes::bf16 : NVVM::MMATypes::f16;
  auto resultType = LLVM::LLVMStructType::getLiteral(
      b.getContext(), SmallVector<Type>(4, b.getF32Type()));

  for (int64_t j = 0; j < 4; ++j) {
    std::array<Value, 4> pairs = decode.pairs(b.element(words, j), offsets[j]);
    for (int64_t m = 0; m < 2; ++m) {
      Value a[] = {operand(b.element(x0, 2 * m)), operand(b.element(x1, 2 * m)),
                   operand(b.element(x0, 2 * m + 1)),
                   operand(b.element(x1, 2 * m + 1))};
      Value w[] = {operand(pairs[2 * m]), operand(pairs[2 * m + 1])};
      auto result = NVVM::MmaOp::create(
          b, resultType, a, w, ArrayRef(sums).slice(4 * j, 4),
          ArrayRef<int64_t>{16, 8, 16}, std::nullopt, std::nullopt,
          std::array{type, type},
          std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
      for (int64_t i = 0; i < 4; ++i)
        sums[4 * j + i] = LLVM::ExtractValueOp::create(b, result.getRes(), i);
    }
  }
  return sums;
}

/// Shared memory holds sum i of lane l of warp w at 512 w + 32 i + l: the lanes
/// of a warp always touch 32 different banks.
void LinearKernel::storeSums(const Sums &sums) {
  Value base = b.add(b.mul(warp, 512), lane);
  for (int64_t i = 0; i < 16; ++i)
    memref::StoreOp::create(b, sums[i], partialSums,
                            index(b.add(base, 32 * i)));
}

/// Each thread adds up pairs of neighbouring outputs, warp after warp.
void LinearKernel::reduceAndStore(Value firstRow) {
  auto loop =
      scf::ForOp::create(b, thread, b.i32(256), b.i32(spec.blockSize()));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value pair = loop.getInductionVar();
  Value half = b.div(pair, 32); // 2 j + h: rows h * 8 …, n8 block j
  Value owner = b.rem(pair, 32);
  Value row = b.add(firstRow, b.add(b.mul(b.rem(half, 2), 8), b.div(owner, 4)));
  Value column =
      b.add(b.mul(tile, MmaLayout::tileRows),
            b.add(b.mul(b.div(half, 2), 8), b.mul(b.rem(owner, 4), 2)));
  Value inside = b.less(row, inputRows);
  if (spec.rows() % MmaLayout::tileRows != 0)
    inside =
        arith::AndIOp::create(b, inside, b.less(column, b.i32(spec.rows())));
  auto stored = scf::IfOp::create(b, inside);
  b.setInsertionPointToStart(&stored.getThenRegion().front());

  Value place = b.add(b.mul(half, 64), owner);
  std::array<Value, 2> sums;
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t w = 0; w < spec.warps(); ++w) {
      Value part = memref::LoadOp::create(
          b, partialSums, index(b.add(place, 512 * w + 32 * i)));
      sums[i] = w == 0 ? part : arith::AddFOp::create(b, sums[i], part);
    }
  Value wide = vector::FromElementsOp::create(
      b, VectorType::get(2, b.getF32Type()), sums);
  Value narrow = arith::TruncFOp::create(b, decode.pairType(), wide);
  Value target = b.advance(output, row, spec.rows() * 2);
  LLVM::StoreOp::create(b, narrow, b.advance(target, column, 2),
                        /*alignment=*/4);
}

gpu::GPUFuncOp qopt::nvptx::buildLinearKernel(gpu::GPUModuleOp module,
                                              Location location,
                                              const LinearKernelSpec &spec) {
  KernelBuilder b(location, module.getContext());
  b.setInsertionPointToEnd(module.getBody());
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  SmallVector<Type> parameters(spec.hasZeros() ? 5 : 4, pointer);
  parameters.push_back(b.getI32Type());
  auto sharedSums = MemRefType::get(
      {512 * spec.warps()}, b.getF32Type(), MemRefLayoutAttrInterface(),
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup));
  auto function = gpu::GPUFuncOp::create(
      b, spec.name(), b.getFunctionType(parameters, {}), TypeRange{sharedSums});
  function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), b.getUnitAttr());
  // The work is cut for exactly this block size.
  function->setAttr(NVVM::NVVMDialect::getReqntidAttrName(),
                    b.getDenseI32ArrayAttr({int32_t(spec.blockSize()), 1, 1}));
  // One resident block of few warps is enough: without this the assembler saves
  // registers for more blocks, and spills.
  if (spec.warps() <= 8)
    function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                      b.getI32IntegerAttr(1));
  for (size_t i = 0; i + 1 < parameters.size(); ++i) {
    function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(),
                        b.getUnitAttr());
    function.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(),
                        b.getI64IntegerAttr(16));
    if (i + 2 < parameters.size())
      function.setArgAttr(i, LLVM::LLVMDialect::getReadonlyAttrName(),
                          b.getUnitAttr());
  }

  b.setInsertionPointToStart(&function.getBody().front());
  LinearKernel(b, function, spec).build();
  gpu::ReturnOp::create(b);
  return function;
}
