//===- KernelBuilder.cpp - short spellings for device code ----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "KernelBuilder.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace qopt::nvptx;

Value KernelBuilder::thread() {
  return arith::IndexCastUIOp::create(
      *this, getI32Type(), gpu::ThreadIdOp::create(*this, gpu::Dimension::x));
}

Value KernelBuilder::block(gpu::Dimension dimension) {
  return arith::IndexCastUIOp::create(*this, getI32Type(),
                                      gpu::BlockIdOp::create(*this, dimension));
}

Value KernelBuilder::blocks(gpu::Dimension dimension) {
  return arith::IndexCastUIOp::create(*this, getI32Type(),
                                      gpu::GridDimOp::create(*this, dimension));
}

void KernelBuilder::loop(Value first, Value end, Value step, Values &carried,
                         function_ref<void(Value, Values &)> body) {
  auto loop = scf::ForOp::create(*this, first, end, step, carried);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  Values inside(loop.getRegionIterArgs());
  body(loop.getInductionVar(), inside);
  if (!carried.empty())
    scf::YieldOp::create(*this, inside);
  carried.assign(loop.result_begin(), loop.result_end());
}

void KernelBuilder::loop(Value first, Value end, Value step,
                         function_ref<void(Value)> body) {
  Values none;
  loop(first, end, step, none, [&](Value i, Values &) { body(i); });
}

void KernelBuilder::when(Value condition, function_ref<void()> body,
                         function_ref<void()> otherwise) {
  auto branch = scf::IfOp::create(*this, condition, bool(otherwise));
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  body();
  if (!otherwise)
    return;
  setInsertionPointToStart(branch.elseBlock());
  otherwise();
}

Value KernelBuilder::advance(Value base, Value index, int64_t bytes) {
  Value wide = arith::ExtUIOp::create(*this, getI64Type(), index);
  Value size = arith::ConstantIntOp::create(*this, getI64Type(), bytes);
  Value offset = arith::MulIOp::create(*this, wide, size);
  return LLVM::GEPOp::create(*this, base.getType(), getI8Type(), base,
                             ArrayRef<LLVM::GEPArg>{offset});
}

Value KernelBuilder::loadConstant(Type type, Value pointer,
                                  unsigned alignment) {
  return LLVM::LoadOp::create(*this, type, pointer, alignment,
                              /*isVolatile=*/false, /*isNonTemporal=*/false,
                              /*isInvariant=*/true);
}

Value KernelBuilder::dynamicShared(int64_t alignment) {
  // gpu.dynamic_shared_memory would become a variable of one byte, not the
  // unsized external one by which PTX names this memory.
  constexpr StringLiteral name = "qopt_shared";
  constexpr unsigned space = unsigned(NVVM::NVVMMemorySpace::Shared);
  auto module =
      getInsertionBlock()->getParentOp()->getParentOfType<gpu::GPUModuleOp>();
  auto global = module.lookupSymbol<LLVM::GlobalOp>(name);
  if (!global) {
    OpBuilder::InsertionGuard guard(*this);
    setInsertionPointToStart(module.getBody());
    global = LLVM::GlobalOp::create(
        *this, LLVM::LLVMArrayType::get(getI8Type(), 0), /*isConstant=*/false,
        LLVM::Linkage::External, name, Attribute(), alignment, space);
  }
  // All kernels of a module share the name, and so the largest alignment.
  if (int64_t(*global.getAlignment()) < alignment)
    global.setAlignment(alignment);
  Value pointer = LLVM::AddressOfOp::create(
      *this, LLVM::LLVMPointerType::get(getContext(), space), name);
  return LLVM::PtrToIntOp::create(*this, getI32Type(), pointer);
}

Value KernelBuilder::sharedPointer(Value address) {
  return LLVM::IntToPtrOp::create(
      *this, LLVM::LLVMPointerType::get(getContext(), 3), address);
}

void KernelBuilder::copyAsync(Value address, Value source, int64_t size,
                              Value present, Value policy) {
  // Only 16-byte copies can bypass L1, which nothing here profits from.
  std::string code =
      size == 16 ? "cp.async.cg.shared.global" : "cp.async.ca.shared.global";
  std::string constraints = "r,l";
  Values operands = {address, source};
  std::string arguments = " [$0], [$1], " + std::to_string(size);
  if (policy)
    code += ".L2::cache_hint";
  auto argument = [&](Value value, const char *constraint) {
    arguments += ", $" + std::to_string(operands.size());
    constraints += std::string(",") + constraint;
    operands.push_back(value);
  };
  if (present)
    argument(select(present, i32(size), i32(0)), "r");
  if (policy)
    argument(policy, "l");
  ptx({}, code + arguments + ";", constraints, operands);
}

void KernelBuilder::commitCopies() {
  NVVM::CpAsyncCommitGroupOp::create(*this);
}

void KernelBuilder::waitForCopies(int64_t groups) {
  ptx({}, "cp.async.wait_group " + std::to_string(groups) + ";", "", {});
}

Value KernelBuilder::evictFirst() {
  return purePtx(getI64Type(),
                 "createpolicy.fractional.L2::evict_first.b64 $0, 1.0;", "=l",
                 {});
}

static LLVM::InlineAsmOp assembly(KernelBuilder &b, Type result, StringRef code,
                                  StringRef constraints, ValueRange operands,
                                  bool effects) {
  return LLVM::InlineAsmOp::create(
      b, result, operands, code, constraints, effects,
      /*is_align_stack=*/false, LLVM::TailCallKind::None,
      LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT),
      ArrayAttr());
}

ValueRange KernelBuilder::ptx(TypeRange results, StringRef code,
                              StringRef constraints, ValueRange operands) {
  std::string all =
      constraints.str() + (constraints.empty() ? "" : ",") + "~{memory}";
  Type type;
  if (results.size() == 1)
    type = results.front();
  else if (results.size() > 1)
    type = LLVM::LLVMStructType::getLiteral(getContext(),
                                            llvm::to_vector(results));
  auto op = assembly(*this, type, code, all, operands, true);
  return op->getResults();
}

Value KernelBuilder::purePtx(Type result, StringRef code, StringRef constraints,
                             ValueRange operands) {
  return assembly(*this, result, code, constraints, operands, false)
      .getResult(0);
}
