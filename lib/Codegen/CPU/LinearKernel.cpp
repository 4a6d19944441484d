//===- LinearKernel.cpp - kernels that multiply by a packed weight --------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// for every block of 16 rows                      (its codes stay in the cache)
//   for every tile of 4 rows of x, then every single row that is left
//     totals = 0
//     for every group
//       partial sums = 0, per row of x and chain of the decode
//       for every chunk of 32 columns             (unrolled)
//         for every column k: partial += decode(k) * broadcast(x[m, k])
//       totals += scale * (sum over chains of partial * 2^-r)
//     store totals to y
//
//===----------------------------------------------------------------------===//
#include "qopt/Codegen/CPU/LinearKernel.h"
#include "qopt/Codegen/CPU/Decode.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <cmath>

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

/// Rows of x that share one decode of the weights.
static constexpr int tileRows = 4;
static constexpr int lanes = 16;

std::string LinearKernelSpec::symbol() const {
  return str("qopt_linear_", schemeName, "_n", layout.rows, "_k",
             layout.columns);
}

std::string LinearKernelSpec::unsupported() const {
  if (layout.blockRows != lanes)
    return str("kernels take blocks of ", lanes, " rows, not ",
               layout.blockRows);
  return "";
}

static Type elementType(OpBuilder &builder, DType type) {
  return type == DType::F16 ? Type(builder.getF16Type())
                            : Type(builder.getI8Type());
}

SmallVector<Type> qopt::cpu::kernelBufferTypes(MLIRContext *context,
                                               const LinearKernelSpec &spec) {
  OpBuilder builder(context);
  Type f32 = builder.getF32Type();
  SmallVector<Type> types = {MemRefType::get({spec.layout.columns}, f32)};
  for (const Component &component : spec.layout.components())
    types.push_back(
        MemRefType::get(component.shape, elementType(builder, component.type)));
  types.push_back(MemRefType::get({spec.layout.rows}, f32));
  return types;
}

namespace {
/// Emits the body of the function that computes a range of blocks.
class BlocksEmitter {
public:
  BlocksEmitter(ImplicitLocOpBuilder &b, const LinearKernelSpec &spec,
                const CpuTarget &target, ValueRange arguments);
  void emit();

private:
  using Values = SmallVector<Value>;

  void emitTile(Value block, Value row, int rows);
  Values emitGroups(Value block, Value row, int rows);
  void emitGroup(Value block, Value group, int64_t columns, Value row,
                 Values &totals);
  void emitChunk(Value block, Value chunk, Value firstColumn, int columns,
                 Value row, ArrayRef<Value> offsets, const DecodePlan &plan,
                 Values &partials);
  void store(Value block, Value row, Value total);

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  /// base * factor + addend
  Value affine(Value base, int64_t factor, Value addend = nullptr) {
    Value product = arith::MulIOp::create(b, base, index(factor));
    return addend ? arith::AddIOp::create(b, product, addend).getResult()
                  : product;
  }
  Value zeroVector() {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(floats, b.getF32FloatAttr(0)));
  }
  /// for i = first to end step step: carried = body(i, carried)
  void loop(Value first, Value end, int64_t step, Values &carried,
            function_ref<void(Value, Values &)> body);
  /// The same without carried values.
  void loop(Value first, Value end, int64_t step,
            function_ref<void(Value)> body) {
    Values none;
    loop(first, end, step, none, [&](Value i, Values &) { body(i); });
  }
  /// Partial sums per row of x: enough to hide the latency of a multiply-add,
  /// few enough for the registers.
  int chains(int rows) const {
    if (target.isX86() && !target.has("avx512f"))
      return rows > 1 ? 1 : 2;
    return 4;
  }

  ImplicitLocOpBuilder &b;
  const InterleavedLayout &layout;
  const CpuTarget &target;
  VectorType floats;
  Value input, packed, scales, zeros, output; // x [M, K], y [M, N]
  Value inputRows, firstBlock, endBlock;
};
} // namespace

/// The whole matrix [rows, columns] whose first row `firstRow` is.
static Value matrixFromRow(ImplicitLocOpBuilder &b, Value firstRow,
                           Value rows) {
  auto rowType = cast<MemRefType>(firstRow.getType());
  int64_t columns = rowType.getDimSize(0);
  auto type = MemRefType::get({ShapedType::kDynamic, columns},
                              rowType.getElementType());
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1),
               width = b.getIndexAttr(columns);
  return memref::ReinterpretCastOp::create(b, type, firstRow, zero,
                                           ArrayRef<OpFoldResult>{rows, width},
                                           ArrayRef<OpFoldResult>{width, one});
}

BlocksEmitter::BlocksEmitter(ImplicitLocOpBuilder &b,
                             const LinearKernelSpec &spec,
                             const CpuTarget &target, ValueRange arguments)
    : b(b), layout(spec.layout), target(target),
      floats(VectorType::get({lanes}, b.getF32Type())) {
  endBlock = arguments.back();
  firstBlock = arguments.drop_back(1).back();
  inputRows = arguments.drop_back(2).back();
  input = matrixFromRow(b, arguments.front(), inputRows);
  output = matrixFromRow(b, arguments.drop_back(3).back(), inputRows);
  packed = arguments[1];
  scales = arguments[2];
  if (!layout.scheme.symmetric)
    zeros = arguments[3];
}

void BlocksEmitter::loop(Value first, Value end, int64_t step, Values &carried,
                         function_ref<void(Value, Values &)> body) {
  auto loop = scf::ForOp::create(
      b, first, end, index(step), carried,
      [&](OpBuilder &, Location, Value i, ValueRange arguments) {
        Values inside(arguments);
        body(i, inside);
        scf::YieldOp::create(b, inside);
      });
  carried.assign(loop.getResults().begin(), loop.getResults().end());
}

void BlocksEmitter::emit() {
  Value tiled =
      affine(arith::DivUIOp::create(b, inputRows, index(tileRows)), tileRows);
  loop(firstBlock, endBlock, 1, [&](Value block) {
    loop(index(0), tiled, tileRows,
         [&](Value row) { emitTile(block, row, tileRows); });
    loop(tiled, inputRows, 1, [&](Value row) { emitTile(block, row, 1); });
  });
}

void BlocksEmitter::emitTile(Value block, Value row, int rows) {
  Values totals = emitGroups(block, row, rows);
  for (int i = 0; i < rows; ++i)
    store(block, affine(row, 1, index(i)), totals[i]);
}

BlocksEmitter::Values BlocksEmitter::emitGroups(Value block, Value row,
                                                int rows) {
  Values totals(rows, zeroVector());
  int64_t last = layout.groups() - 1;
  int64_t full =
      layout.groupColumns(last) == layout.groupColumns(0) ? last + 1 : last;
  loop(index(0), index(full), 1, totals, [&](Value group, Values &carried) {
    emitGroup(block, group, layout.groupColumns(0), row, carried);
  });
  if (full == last)
    emitGroup(block, index(last), layout.groupColumns(last), row, totals);
  return totals;
}

void BlocksEmitter::emitGroup(Value block, Value group, int64_t columns,
                              Value row, Values &totals) {
  const int rows = totals.size();
  const DecodePlan plan(layout.scheme.bits, chains(rows));
  auto load = [&](Value source, Type element) {
    return vector::LoadOp::create(b, VectorType::get({lanes}, element), source,
                                  ValueRange{block, group, index(0)});
  };
  Values offsets = emitOffsets(b, plan, layout,
                               zeros ? load(zeros, b.getI8Type()) : Value());
  Value firstChunk = affine(group, layout.chunksPerGroup());
  Value firstColumn = affine(group, layout.groupColumns(0));

  constexpr int chunkColumns = InterleavedLayout::chunkColumns;
  Values partials(rows * plan.chains, zeroVector());
  int64_t fullChunks = columns / chunkColumns;
  if (fullChunks > 0)
    loop(index(0), index(fullChunks), 1, partials,
         [&](Value chunk, Values &carried) {
           emitChunk(block, affine(chunk, 1, firstChunk),
                     affine(chunk, chunkColumns, firstColumn), chunkColumns,
                     row, offsets, plan, carried);
         });
  if (int tail = columns % chunkColumns)
    emitChunk(block, affine(firstChunk, 1, index(fullChunks)),
              affine(firstColumn, 1, index(fullChunks * chunkColumns)), tail,
              row, offsets, plan, partials);

  Value scale = emitHalfToFloat(b, target, load(scales, b.getF16Type()));
  for (int i = 0; i < rows; ++i) {
    Value sum = partials[i * plan.chains];
    for (int chain = 1; chain < plan.chains; ++chain) {
      Value factor = arith::ConstantOp::create(
          b, DenseElementsAttr::get(floats, b.getF32FloatAttr(std::ldexp(
                                                1.0f, -plan.exponent(chain)))));
      sum = vector::FMAOp::create(b, partials[i * plan.chains + chain], factor,
                                  sum);
    }
    totals[i] = vector::FMAOp::create(b, scale, sum, totals[i]);
  }
}

void BlocksEmitter::emitChunk(Value block, Value chunk, Value firstColumn,
                              int columns, Value row, ArrayRef<Value> offsets,
                              const DecodePlan &plan, Values &partials) {
  auto bytes = VectorType::get({4 * lanes}, b.getI8Type());
  auto dwords = VectorType::get({lanes}, b.getI32Type());
  ChunkDecoder decoder(
      b, plan,
      [&](int dword) {
        Value at = affine(chunk, layout.scheme.bits, index(dword));
        Value raw = vector::LoadOp::create(b, bytes, packed,
                                           ValueRange{block, at, index(0)});
        return vector::BitCastOp::create(b, dwords, raw).getResult();
      },
      offsets);
  const int rows = partials.size() / plan.chains;
  for (int column = 0; column < columns; ++column) {
    Value weights = decoder.column(column);
    Value k = affine(firstColumn, 1, index(column));
    for (int i = 0; i < rows; ++i) {
      Value x = memref::LoadOp::create(b, input,
                                       ValueRange{affine(row, 1, index(i)), k});
      Value &partial = partials[i * plan.chains + plan.chain(column)];
      partial = vector::FMAOp::create(
          b, weights, vector::BroadcastOp::create(b, floats, x), partial);
    }
  }
}

/// The last block may have fewer rows than lanes.
void BlocksEmitter::store(Value block, Value row, Value total) {
  Value firstOutput = affine(block, lanes);
  SmallVector<Value> place = {row, firstOutput};
  if (layout.rows % lanes == 0) {
    vector::StoreOp::create(b, total, output, place);
    return;
  }
  Value left = arith::SubIOp::create(b, index(layout.rows), firstOutput);
  Value mask = vector::CreateMaskOp::create(
      b, VectorType::get({lanes}, b.getI1Type()), ValueRange{left});
  vector::MaskedStoreOp::create(b, output, place, mask, total);
}

/// Declares a function of the kernel's buffers and `counts` index parameters.
static func::FuncOp createFunction(OpBuilder &builder, Location location,
                                   StringRef name, const LinearKernelSpec &spec,
                                   int counts) {
  SmallVector<Type> inputs = kernelBufferTypes(builder.getContext(), spec);
  const unsigned buffers = inputs.size();
  inputs.append(counts, builder.getIndexType());
  auto function = func::FuncOp::create(builder, location, name,
                                       builder.getFunctionType(inputs, {}));
  for (unsigned i = 0; i < buffers; ++i)
    function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(),
                        builder.getUnitAttr());
  function.addEntryBlock();
  return function;
}

void qopt::cpu::emitLinearKernel(OpBuilder &builder, Location location,
                                 const LinearKernelSpec &spec,
                                 const CpuTarget &target) {
  func::FuncOp blocks = createFunction(builder, location, spec.blocksSymbol(),
                                       spec, /*counts=*/3);
  func::FuncOp whole =
      createFunction(builder, location, spec.symbol(), spec, /*counts=*/1);
  OpBuilder::InsertionGuard guard(builder);

  builder.setInsertionPointToStart(&blocks.getBody().front());
  ImplicitLocOpBuilder b(location, builder);
  BlocksEmitter(b, spec, target, blocks.getArguments()).emit();
  func::ReturnOp::create(b);

  b.setInsertionPointToStart(&whole.getBody().front());
  SmallVector<Value> arguments(whole.getArguments());
  arguments.push_back(arith::ConstantIndexOp::create(b, 0));
  arguments.push_back(arith::ConstantIndexOp::create(b, spec.layout.blocks()));
  func::CallOp::create(b, blocks, arguments);
  func::ReturnOp::create(b);
}
