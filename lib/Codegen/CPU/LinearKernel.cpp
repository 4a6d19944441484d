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

/// The arguments of the function that computes a range of blocks.
static KernelArguments kernelArguments(ImplicitLocOpBuilder &b,
                                       ValueRange arguments) {
  KernelArguments result;
  result.endBlock = arguments.back();
  result.firstBlock = arguments.drop_back(1).back();
  result.inputRows = arguments.drop_back(2).back();
  result.input = matrixFromRow(b, arguments.front(), result.inputRows);
  result.output =
      matrixFromRow(b, arguments.drop_back(3).back(), result.inputRows);
  llvm::append_range(result.components, arguments.drop_front().drop_back(4));
  return result;
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

/// Fills a function with what Body emits: FloatLinear, IntegerLinear or
/// TileLinear.
template <typename Body>
static void emitBody(func::FuncOp function, const LinearKernelSpec &spec,
                     const CpuTarget &target) {
  ImplicitLocOpBuilder b(function.getLoc(), function.getContext());
  b.setInsertionPointToStart(&function.getBody().front());
  KernelArguments arguments = kernelArguments(b, function.getArguments());
  Body(b, spec, target, arguments).emit();
  func::ReturnOp::create(b);
}

/// Whether Linux lets this process use the tiles of AMX, which it must be asked
/// for once (arch_prctl: ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA).
static Value emitTilePermission(ImplicitLocOpBuilder &b) {
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

/// The body of `blocks` where there is AMX: many rows go to a function that has
/// tiles in its prologue, and that must not be entered without permission.
static void emitChoiceOfTiles(OpBuilder &builder, func::FuncOp blocks,
                              const LinearKernelSpec &spec,
                              const CpuTarget &target) {
  auto part = [&](StringRef suffix) {
    func::FuncOp function = createFunction(
        builder, blocks.getLoc(), (blocks.getSymName() + suffix).str(), spec,
        /*counts=*/3);
    function->setAttr(
        "llvm.linkage",
        LLVM::LinkageAttr::get(builder.getContext(), LLVM::Linkage::Internal));
    function->setAttr("passthrough", builder.getStrArrayAttr({"noinline"}));
    return function;
  };
  func::FuncOp rows = part("_rows"), tiles = part("_tiles");
  emitBody<IntegerLinear>(rows, spec, target);
  emitBody<TileLinear>(tiles, spec, target);

  ImplicitLocOpBuilder b(blocks.getLoc(), blocks.getContext());
  b.setInsertionPointToStart(&blocks.getBody().front());
  Value many = arith::CmpIOp::create(
      b, arith::CmpIPredicate::sge, blocks.getArguments().drop_back(2).back(),
      arith::ConstantIndexOp::create(b, TileLinear::leastRows));
  auto choose = scf::IfOp::create(
      b, many,
      [&](OpBuilder &, Location) {
        scf::YieldOp::create(b, emitTilePermission(b));
      },
      [&](OpBuilder &, Location) {
        Value no = arith::ConstantOp::create(b, b.getBoolAttr(false));
        scf::YieldOp::create(b, no);
      });
  auto callAndYield = [&](func::FuncOp function) {
    return [&b, blocks, function](OpBuilder &, Location) mutable {
      func::CallOp::create(b, function, blocks.getArguments());
      scf::YieldOp::create(b);
    };
  };
  scf::IfOp::create(b, choose.getResult(0), callAndYield(tiles),
                    callAndYield(rows));
  func::ReturnOp::create(b);
}

void qopt::cpu::emitLinearKernel(OpBuilder &builder, Location location,
                                 const LinearKernelSpec &spec,
                                 const CpuTarget &target, StringRef suffix) {
  func::FuncOp blocks =
      createFunction(builder, location, spec.blocksSymbol() + suffix.str(),
                     spec, /*counts=*/3);
  func::FuncOp whole = createFunction(
      builder, location, spec.symbol() + suffix.str(), spec, /*counts=*/1);
  if (spec.exact)
    emitBody<FloatLinear>(blocks, spec, target);
  else if (TileLinear::isAvailable(spec, target))
    emitChoiceOfTiles(builder, blocks, spec, target);
  else
    emitBody<IntegerLinear>(blocks, spec, target);

  ImplicitLocOpBuilder b(location, builder.getContext());
  b.setInsertionPointToStart(&whole.getBody().front());
  SmallVector<Value> operands(whole.getArguments());
  operands.push_back(arith::ConstantIndexOp::create(b, 0));
  operands.push_back(arith::ConstantIndexOp::create(b, spec.layout.blocks()));
  func::CallOp::create(b, blocks, operands);
  func::ReturnOp::create(b);
}
