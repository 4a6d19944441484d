//===- DenseKernel.cpp - products with a weight of floats -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The weight lies as in its file: row after row of f32, f16 or bf16. Four rows
// of it and up to four of x share what they load; lanes are added up once per
// output. "Blocks" are 16 rows, as for packed weights.
//
// Rows of GGUF blocks that stay where they are in their file are decoded by the
// runtime, 16 at a time, and then used like rows of f32.
//
//===----------------------------------------------------------------------===//
#include "../Decode.h"
#include "../TileLinear.h"
#include "DenseTiles.h"
#include "KernelEmitter.h"
#include "ModelKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

static constexpr int64_t blockRows = 16;

namespace {
class DenseEmitter {
public:
  DenseEmitter(KernelEmitter &e, const CpuTarget &target, GgufType type,
               int64_t rows, int64_t columns)
      : e(e), target(target), type(type), rows(rows), columns(columns),
        x(e.buffer(0)), w(e.buffer(1)), y(e.buffer(2)) {
    if (findFormat(type)->quantized)
      decoded = memref::AllocaOp::create(
          e.b, MemRefType::get({blockRows * columns}, e.b.getF32Type()),
          e.b.getI64IntegerAttr(64));
  }

  void emit() {
    Value m = e.count(0);
    const bool wide = !target.isX86() || target.has("avx512f");
    const int tile = wide ? 4 : 2;
    Value tiled = e.times(arith::DivUIOp::create(e.b, m, e.index(tile)), tile);
    e.loop(e.count(1), e.count(2), 1, [&](Value block) {
      Value first = e.times(block, blockRows);
      Value end = arith::MinUIOp::create(e.b, e.add(first, e.index(blockRows)),
                                         e.index(rows));
      Value length = arith::SubIOp::create(e.b, end, first);
      firstRow = e.index(0);
      if (decoded) {
        decode(first, length);
        firstRow = first;
      }
      Value fours = e.add(
          first, e.times(arith::DivUIOp::create(e.b, length, e.index(4)), 4));
      auto outputs = [&](Value row, int weightRows) {
        e.loop(e.index(0), tiled, tile,
               [&](Value i) { emitTile(i, tile, row, weightRows); });
        e.loop(tiled, m, 1, [&](Value i) { emitTile(i, 1, row, weightRows); });
      };
      e.loop(first, fours, 4, [&](Value row) { outputs(row, 4); });
      e.loop(fours, end, 1, [&](Value row) { outputs(row, 1); });
    });
  }

private:
  /// Rows [first, first + length) of the weight to the beginning of `decoded`.
  void decode(Value first, Value length) {
    constexpr llvm::StringLiteral name = "qopt_rt_decode_rows";
    ImplicitLocOpBuilder &b = e.b;
    auto target = MemRefType::get({1}, b.getF32Type());
    OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
    Value bare = memref::ReinterpretCastOp::create(b, target, decoded, zero,
                                                   ArrayRef<OpFoldResult>{one},
                                                   ArrayRef<OpFoldResult>{one});
    SmallVector<Value> arguments = {e.getFunction().getArgument(1),
                                    e.index(int64_t(type)),
                                    e.index(columns),
                                    first,
                                    length,
                                    bare};
    auto module = e.getFunction()->getParentOfType<ModuleOp>();
    if (!module.lookupSymbol(name)) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(module.getBody());
      func::FuncOp::create(
          b, name, b.getFunctionType(TypeRange(ValueRange(arguments)), {}))
          .setPrivate();
    }
    func::CallOp::create(b, name, TypeRange{}, arguments);
  }

  /// y of some rows of x and some of the weight.
  void emitTile(Value inputRow, int inputs, Value weightRow, int weights) {
    SmallVector<Value> xStart, wStart;
    for (int i = 0; i < inputs; ++i)
      xStart.push_back(e.times(e.add(inputRow, e.index(i)), columns));
    for (int n = 0; n < weights; ++n)
      wStart.push_back(e.times(
          arith::SubIOp::create(e.b, e.add(weightRow, e.index(n)), firstRow),
          columns));
    // One row of x alone needs more sums than four to hide their latency.
    const int64_t unroll = inputs == 1 ? 2 : 1, step = unroll * 16;
    KernelEmitter::Values sums(inputs * weights * unroll, e.splat(0));
    auto accumulate = [&](Value k, Value mask, int64_t part,
                          KernelEmitter::Values &carried) {
      SmallVector<Value> left;
      for (int i = 0; i < inputs; ++i)
        left.push_back(e.load(x, e.add(xStart[i], k), mask));
      for (int n = 0; n < weights; ++n) {
        Value weight =
            widen(e.load(decoded ? decoded : w, e.add(wStart[n], k), mask));
        for (int i = 0; i < inputs; ++i) {
          Value &sum = carried[(part * weights + n) * inputs + i];
          sum = e.fma(left[i], weight, sum);
        }
      }
    };
    const int64_t whole = columns / step * step;
    sums =
        e.loop(e.index(0), e.index(whole), step, sums,
               [&](Value k, KernelEmitter::Values &carried) {
                 for (int64_t part = 0; part < unroll; ++part)
                   accumulate(e.add(k, e.index(16 * part)), {}, part, carried);
               });
    sums = e.vectors(e.index(whole), e.index(columns), sums,
                     [&](Value k, Value mask, KernelEmitter::Values &carried) {
                       accumulate(k, mask, 0, carried);
                     });
    for (int n = 0; n < weights; ++n)
      for (int i = 0; i < inputs; ++i) {
        Value total = sums[n * inputs + i];
        for (int64_t part = 1; part < unroll; ++part)
          total = arith::AddFOp::create(
              e.b, total, sums[(part * weights + n) * inputs + i]);
        Value at = e.add(e.times(e.add(inputRow, e.index(i)), rows),
                         e.add(weightRow, e.index(n)));
        memref::StoreOp::create(e.b, e.sum(total), y, ValueRange{at});
      }
  }

  Value widen(Value vector) {
    if (type == GgufType::F32 || decoded)
      return vector;
    if (type == GgufType::F16)
      return emitHalfToFloat(e.b, target, vector);
    auto shape = cast<VectorType>(vector.getType()).getShape();
    Type i16 = VectorType::get(shape, e.b.getI16Type());
    Type i32 = VectorType::get(shape, e.b.getI32Type());
    Value bits = arith::BitcastOp::create(e.b, i16, vector);
    Value shift = arith::ConstantOp::create(
        e.b, DenseElementsAttr::get(cast<ShapedType>(i32), int32_t(16)));
    Value placed = arith::ShLIOp::create(
        e.b, arith::ExtUIOp::create(e.b, i32, bits), shift);
    return arith::BitcastOp::create(
        e.b, VectorType::get(shape, e.b.getF32Type()), placed);
  }

  KernelEmitter &e;
  const CpuTarget &target;
  GgufType type;
  int64_t rows, columns;
  Value x, w, y;
  Value decoded;  // rows of a block in f32; null if floats are stored
  Value firstRow; // of the weight, where what is read begins
};
} // namespace

/// Calls `many` where there are enough rows of x for tiles and tiles may be
/// used, else `few`.
static void emitChoice(KernelEmitter &e, func::FuncOp few, func::FuncOp many) {
  ImplicitLocOpBuilder &b = e.b;
  ValueRange arguments = e.getFunction().getArguments();
  auto calling = [&](func::FuncOp callee) {
    return [&, callee](OpBuilder &, Location) {
      func::CallOp::create(b, callee, arguments);
      scf::YieldOp::create(b);
    };
  };
  Value enough = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, e.count(0),
                                       e.index(TileLinear::leastRows));
  scf::IfOp::create(
      b, enough,
      [&](OpBuilder &, Location) {
        scf::IfOp::create(b, emitTilePermission(b), calling(many),
                          calling(few));
        scf::YieldOp::create(b);
      },
      calling(few));
}

LinearKernel ModelKernels::denseLinear(Location location, GgufType type,
                                       int64_t rows, int64_t columns,
                                       bool exact) {
  std::string name = str("qopt_linear_", findFormat(type)->name,
                         findFormat(type)->quantized ? "_in_place" : "", "_n",
                         rows, "_k", columns, "_blocks");
  LinearKernel kernel{name, 1, (rows + blockRows - 1) / blockRows};
  if (has(name))
    return kernel;
  OpBuilder builder(module.getContext());
  Type f32 = builder.getF32Type();
  Type element = type == GgufType::F32    ? f32
                 : type == GgufType::F16  ? Type(builder.getF16Type())
                 : type == GgufType::BF16 ? Type(builder.getBF16Type())
                                          : Type(builder.getI8Type()); // blocks
  auto emitFunction = [&](const std::string &symbol, auto body) {
    KernelEmitter e(module, location, symbol, {f32, element, f32},
                    /*counts=*/3);
    body(e);
    e.finish();
    return e.getFunction();
  };
  auto emitRows = [&](KernelEmitter &e) {
    DenseEmitter(e, target, type, rows, columns).emit();
  };
  if (exact || !DenseTiles::isAvailable(target, type)) {
    emitFunction(name, emitRows);
    return kernel;
  }
  func::FuncOp few = emitFunction(name + "_rows", emitRows);
  func::FuncOp many = emitFunction(name + "_tiles", [&](KernelEmitter &e) {
    DenseTiles(e.b, target, type, rows, columns,
               {e.buffer(0), e.buffer(1), e.buffer(2), e.count(0), e.count(1),
                e.count(2)})
        .emit();
  });
  for (func::FuncOp part : {few, many})
    part->setAttr("passthrough", builder.getStrArrayAttr({"noinline"}));
  emitFunction(name, [&](KernelEmitter &e) { emitChoice(e, few, many); });
  return kernel;
}
