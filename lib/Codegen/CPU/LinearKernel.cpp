//===- LinearKernel.cpp - kernels that multiply by a packed weight --------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Codegen/CPU/LinearKernel.h"
#include "FloatLinear.h"
#include "IntegerLinear.h"
#include "TileLinear.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

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

int64_t LinearKernelSpec::preparedBytes() const {
  return exact ? 0 : Activations::bytes(layout, 1);
}

std::string LinearKernelSpec::preparation() const {
  const AffineHierarchy &h = layout.hierarchy;
  return exact ? ""
               : str(layout.columns, "_", h.groupSize, "_", h.superSize, "_",
                     int(h.minimum), "_",
                     h.minimum == AffineHierarchy::Minimum::None
                         ? SegmentPlan(layout).zero
                         : 0);
}

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

static Type preparedType(OpBuilder &builder, const LinearKernelSpec &spec) {
  return MemRefType::get({spec.preparedBytes()}, builder.getI8Type());
}

/// Declares a function with parameters of these types and `counts` indices.
static func::FuncOp createFunction(OpBuilder &builder, Location location,
                                   StringRef name, SmallVector<Type> inputs,
                                   int counts) {
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

/// (x, components, y, M[, first block, end block])
static func::FuncOp createKernel(OpBuilder &builder, Location location,
                                 StringRef name, const LinearKernelSpec &spec,
                                 int counts) {
  return createFunction(builder, location, name,
                        kernelBufferTypes(builder.getContext(), spec), counts);
}

static void makePart(func::FuncOp function) {
  MLIRContext *context = function.getContext();
  function->setAttr("llvm.linkage",
                    LLVM::LinkageAttr::get(context, LLVM::Linkage::Internal));
  function->setAttr("passthrough",
                    Builder(context).getStrArrayAttr({"noinline"}));
}

static ImplicitLocOpBuilder bodyBuilder(func::FuncOp function) {
  ImplicitLocOpBuilder b(function.getLoc(), function.getContext());
  b.setInsertionPointToStart(&function.getBody().front());
  return b;
}

/// Fills a function (x, components, y, M, first block, end block) with what
/// Body emits: FloatLinear, IntegerLinear or TileLinear.
template <typename Body>
static void emitBody(func::FuncOp function, const LinearKernelSpec &spec,
                     const CpuTarget &target) {
  ImplicitLocOpBuilder b = bodyBuilder(function);
  ValueRange values = function.getArguments();
  KernelArguments arguments;
  arguments.endBlock = values.back();
  arguments.firstBlock = values.drop_back(1).back();
  arguments.inputRows = values.drop_back(2).back();
  arguments.input = matrixFromRow(b, values.front(), arguments.inputRows);
  arguments.output =
      matrixFromRow(b, values.drop_back(3).back(), arguments.inputRows);
  llvm::append_range(arguments.components, values.drop_front().drop_back(4));
  Body(b, spec, target, arguments).emit();
  func::ReturnOp::create(b);
}

/// <symbol>_prepare(x, prepared)
static func::FuncOp emitPreparation(OpBuilder &builder, Location location,
                                    const LinearKernelSpec &spec,
                                    const CpuTarget &target, StringRef suffix) {
  Type x = kernelBufferTypes(builder.getContext(), spec).front();
  func::FuncOp function = createFunction(
      builder, location, spec.symbol() + "_prepare" + suffix.str(),
      {x, preparedType(builder, spec)}, /*counts=*/0);
  makePart(function);
  ImplicitLocOpBuilder b = bodyBuilder(function);
  VectorBuilder v(b, target);
  Value one = v.index(1);
  Activations(v, spec.layout, 1, function.getArgument(1))
      .quantize(matrixFromRow(b, function.getArgument(0), one), v.index(0),
                one);
  func::ReturnOp::create(b);
  return function;
}

/// <symbol>_row(prepared, components, y, first block, end block)
static func::FuncOp emitPreparedRow(OpBuilder &builder, Location location,
                                    const LinearKernelSpec &spec,
                                    const CpuTarget &target, StringRef suffix) {
  SmallVector<Type> buffers = kernelBufferTypes(builder.getContext(), spec);
  buffers.front() = preparedType(builder, spec);
  func::FuncOp function =
      createFunction(builder, location, spec.symbol() + "_row" + suffix.str(),
                     buffers, /*counts=*/2);
  makePart(function);
  ImplicitLocOpBuilder b = bodyBuilder(function);
  ValueRange values = function.getArguments();
  KernelArguments arguments;
  arguments.prepared = values.front();
  arguments.endBlock = values.back();
  arguments.firstBlock = values.drop_back(1).back();
  arguments.inputRows = arith::ConstantIndexOp::create(b, 1);
  arguments.output =
      matrixFromRow(b, values.drop_back(2).back(), arguments.inputRows);
  llvm::append_range(arguments.components, values.drop_front().drop_back(3));
  IntegerLinear(b, spec, target, arguments).emit();
  func::ReturnOp::create(b);
  return function;
}

/// arch_prctl: ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA.
Value qopt::cpu::emitTilePermission(ImplicitLocOpBuilder &b) {
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
  };
  Value answer =
      LLVM::InlineAsmOp::create(
          b, b.getI64Type(),
          ValueRange{constant(158), constant(0x1023), constant(18)},
          b.getStringAttr("syscall"),
          b.getStringAttr("={rax},{rax},{rdi},{rsi},~{rcx},~{r11},~{memory},"
                          "~{dirflag},~{fpsr},~{flags}"),
          /*has_side_effects=*/b.getUnitAttr(), /*is_align_stack=*/UnitAttr(),
          LLVM::TailCallKindAttr::get(b.getContext(),
                                      LLVM::tailcallkind::TailCallKind::None),
          LLVM::AsmDialectAttr(), ArrayAttr())
          .getResult(0);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, answer,
                               constant(0));
}

/// Chooses by M, which is at least 1: one row is prepared and multiplied; many
/// go to tiles of AMX where there are any. The function for those has tiles in
/// its prologue, and must not be entered without permission.
static void emitChoice(OpBuilder &builder, func::FuncOp blocks,
                       const LinearKernelSpec &spec, const CpuTarget &target,
                       StringRef suffix) {
  Location location = blocks.getLoc();
  func::FuncOp prepare =
      emitPreparation(builder, location, spec, target, suffix);
  func::FuncOp row = emitPreparedRow(builder, location, spec, target, suffix);
  auto part = [&](StringRef name) {
    func::FuncOp function =
        createKernel(builder, location, (blocks.getSymName() + name).str(),
                     spec, /*counts=*/3);
    makePart(function);
    return function;
  };
  func::FuncOp rows = part("_rows"), tiles;
  emitBody<IntegerLinear>(rows, spec, target);
  if (TileLinear::isAvailable(spec, target)) {
    tiles = part("_tiles");
    emitBody<TileLinear>(tiles, spec, target);
  }

  ImplicitLocOpBuilder b = bodyBuilder(blocks);
  ValueRange arguments = blocks.getArguments();
  Value count = arguments.drop_back(2).back();
  auto compare = [&](arith::CmpIPredicate predicate, int64_t rows) -> Value {
    return arith::CmpIOp::create(b, predicate, count,
                                 arith::ConstantIndexOp::create(b, rows));
  };
  auto yielding = [&](llvm::function_ref<void()> body) {
    return [&b, body](OpBuilder &, Location) {
      body();
      scf::YieldOp::create(b);
    };
  };
  auto manyRows = [&] {
    if (!tiles) {
      func::CallOp::create(b, rows, arguments);
      return;
    }
    Value many = compare(arith::CmpIPredicate::sge, TileLinear::leastRows);
    auto allowed = scf::IfOp::create(
        b, many,
        [&](OpBuilder &, Location) {
          scf::YieldOp::create(b, emitTilePermission(b));
        },
        [&](OpBuilder &, Location) {
          Value no = arith::ConstantOp::create(b, b.getBoolAttr(false));
          scf::YieldOp::create(b, no);
        });
    auto callTiles = [&] { func::CallOp::create(b, tiles, arguments); };
    auto callRows = [&] { func::CallOp::create(b, rows, arguments); };
    scf::IfOp::create(b, allowed.getResult(0), yielding(callTiles),
                      yielding(callRows));
  };
  auto oneRow = [&] {
    Value prepared = memref::AllocaOp::create(
        b, cast<MemRefType>(preparedType(b, spec)), b.getI64IntegerAttr(64));
    func::CallOp::create(b, prepare, ValueRange{arguments.front(), prepared});
    SmallVector<Value> operands = {prepared};
    llvm::append_range(operands, arguments.drop_front().drop_back(3));
    llvm::append_range(operands, arguments.take_back(2));
    func::CallOp::create(b, row, operands);
  };
  scf::IfOp::create(b, compare(arith::CmpIPredicate::eq, 1), yielding(oneRow),
                    yielding(manyRows));
  func::ReturnOp::create(b);
}

void qopt::cpu::emitLinearKernel(OpBuilder &builder, Location location,
                                 const LinearKernelSpec &spec,
                                 const CpuTarget &target, StringRef suffix) {
  func::FuncOp blocks =
      createKernel(builder, location, spec.blocksSymbol() + suffix.str(), spec,
                   /*counts=*/3);
  func::FuncOp whole = createKernel(
      builder, location, spec.symbol() + suffix.str(), spec, /*counts=*/1);
  if (spec.exact)
    emitBody<FloatLinear>(blocks, spec, target);
  else
    emitChoice(builder, blocks, spec, target, suffix);

  ImplicitLocOpBuilder b = bodyBuilder(whole);
  SmallVector<Value> operands(whole.getArguments());
  operands.push_back(arith::ConstantIndexOp::create(b, 0));
  operands.push_back(arith::ConstantIndexOp::create(b, spec.layout.blocks()));
  func::CallOp::create(b, blocks, operands);
  func::ReturnOp::create(b);
}
