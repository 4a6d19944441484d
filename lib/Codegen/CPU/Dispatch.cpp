//===- Dispatch.cpp - one object for several CPUs -------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Dispatch.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

static constexpr llvm::StringLiteral lookupName = "qopt_cpu_variant";
static constexpr llvm::StringLiteral cacheName = "qopt_cpu_variant_known";

std::string qopt::cpu::variantSuffix(size_t variant) {
  return str(".v", variant);
}

Result<std::vector<CpuTarget>> qopt::cpu::resolveVariants(StringRef cpus,
                                                          StringRef features,
                                                          StringRef triple) {
  std::vector<CpuTarget> variants;
  for (StringRef name : llvm::split(cpus, ',')) {
    auto [cpu, own] = name.trim().split('+');
    std::string all = features.str();
    for (StringRef feature : llvm::split(own, '+'))
      if (!feature.empty())
        all += ",+" + feature.str();
    QOPT_ASSIGN(CpuTarget target, CpuTarget::resolve(cpu, all, triple));
    variants.push_back(std::move(target));
  }
  if (variants.size() > 1 && !variants.front().isX86())
    return usageError("kernels for several CPUs in one object are there for "
                      "x86 only");
  return variants;
}

//===----------------------------------------------------------------------===//
// What the CPU says about itself
//===----------------------------------------------------------------------===//

namespace {
enum Register { eax, ebx, ecx, edx };

/// Where cpuid reports a feature (Intel SDM, volume 2, CPUID).
struct Feature {
  const char *name;
  uint32_t leaf, subleaf;
  Register where;
  int bit;
};

/// A register of a leaf, and the bits that must be set in it.
struct Requirement {
  uint32_t leaf, subleaf;
  Register where;
  uint32_t bits;
};
} // namespace

static constexpr Feature features[] = {{"sse3", 1, 0, ecx, 0},
                                       {"pclmul", 1, 0, ecx, 1},
                                       {"ssse3", 1, 0, ecx, 9},
                                       {"fma", 1, 0, ecx, 12},
                                       {"cx16", 1, 0, ecx, 13},
                                       {"sse4.1", 1, 0, ecx, 19},
                                       {"sse4.2", 1, 0, ecx, 20},
                                       {"movbe", 1, 0, ecx, 22},
                                       {"popcnt", 1, 0, ecx, 23},
                                       {"avx", 1, 0, ecx, 28},
                                       {"f16c", 1, 0, ecx, 29},
                                       {"bmi", 7, 0, ebx, 3},
                                       {"avx2", 7, 0, ebx, 5},
                                       {"bmi2", 7, 0, ebx, 8},
                                       {"avx512f", 7, 0, ebx, 16},
                                       {"avx512dq", 7, 0, ebx, 17},
                                       {"avx512ifma", 7, 0, ebx, 21},
                                       {"avx512cd", 7, 0, ebx, 28},
                                       {"avx512bw", 7, 0, ebx, 30},
                                       {"avx512vl", 7, 0, ebx, 31},
                                       {"avx512vbmi", 7, 0, ecx, 1},
                                       {"avx512vbmi2", 7, 0, ecx, 6},
                                       {"gfni", 7, 0, ecx, 8},
                                       {"vpclmulqdq", 7, 0, ecx, 10},
                                       {"avx512vnni", 7, 0, ecx, 11},
                                       {"avx512bitalg", 7, 0, ecx, 12},
                                       {"avx512vpopcntdq", 7, 0, ecx, 14},
                                       {"avx512fp16", 7, 0, edx, 23},
                                       {"avxvnni", 7, 1, eax, 4},
                                       {"avx512bf16", 7, 1, eax, 5},
                                       {"avxifma", 7, 1, eax, 23},
                                       {"avxvnniint8", 7, 1, edx, 4},
                                       {"avxvnniint16", 7, 1, edx, 10},
                                       {"lzcnt", 0x80000001, 0, ecx, 5}};

static std::vector<Requirement> requirements(const CpuTarget &target) {
  std::vector<Requirement> result;
  auto require = [&](uint32_t leaf, uint32_t subleaf, Register where, int bit) {
    for (Requirement &known : result)
      if (known.leaf == leaf && known.subleaf == subleaf &&
          known.where == where) {
        known.bits |= 1u << bit;
        return;
      }
    result.push_back({leaf, subleaf, where, 1u << bit});
  };
  if (target.has("avx"))
    require(1, 0, ecx, 27); // xgetbv can be used
  for (const Feature &feature : features)
    if (target.has(feature.name))
      require(feature.leaf, feature.subleaf, feature.where, feature.bit);
  return result;
}

/// The parts of the registers that the system must save: XMM and YMM, then
/// masks and ZMM.
static uint32_t savedState(const CpuTarget &target) {
  return target.has("avx512f") ? 0xe6 : target.has("avx") ? 0x06 : 0;
}

//===----------------------------------------------------------------------===//
// Emission
//===----------------------------------------------------------------------===//

static Value constant(ImplicitLocOpBuilder &b, uint32_t value) {
  return arith::ConstantOp::create(b, b.getI32IntegerAttr(int32_t(value)));
}

/// Registers after an instruction that takes eax and ecx.
static Value emitAssembly(ImplicitLocOpBuilder &b, StringRef text,
                          StringRef constraints, int results, Value inEax,
                          Value inEcx) {
  auto type = LLVM::LLVMStructType::getLiteral(
      b.getContext(), SmallVector<Type>(results, b.getI32Type()));
  return LLVM::InlineAsmOp::create(
             b, type, ValueRange{inEax, inEcx}, b.getStringAttr(text),
             b.getStringAttr(constraints),
             /*has_side_effects=*/b.getUnitAttr(),
             /*is_align_stack=*/UnitAttr(),
             LLVM::TailCallKindAttr::get(
                 b.getContext(), LLVM::tailcallkind::TailCallKind::None),
             LLVM::AsmDialectAttr(), ArrayAttr())
      .getResult(0);
}

static Value hasBits(ImplicitLocOpBuilder &b, Value registers, int index,
                     uint32_t bits) {
  Value value = LLVM::ExtractValueOp::create(b, registers, index);
  Value mask = constant(b, bits);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                               arith::AndIOp::create(b, value, mask), mask);
}

/// Whether this machine is the variant. A leaf is only read after the largest
/// one has been asked for, and xgetbv only where cpuid says that it exists.
static Value emitIsVariant(ImplicitLocOpBuilder &b, const CpuTarget &target) {
  auto cpuid = [&](uint32_t leaf, uint32_t subleaf) {
    return emitAssembly(b, "cpuid",
                        "={ax},={bx},={cx},={dx},{ax},{cx},~{dirflag},~{fpsr},"
                        "~{flags}",
                        4, constant(b, leaf), constant(b, subleaf));
  };
  Value yes = arith::ConstantOp::create(b, b.getBoolAttr(true));
  auto also = [&](llvm::function_ref<Value()> condition) {
    yes =
        scf::IfOp::create(
            b, yes,
            [&](OpBuilder &, Location) {
              scf::YieldOp::create(b, condition());
            },
            [&](OpBuilder &, Location) {
              scf::YieldOp::create(
                  b, Value(arith::ConstantOp::create(b, b.getBoolAttr(false))));
            })
            .getResult(0);
  };
  auto largestLeaf = [&](uint32_t base, uint32_t needed) {
    Value largest = LLVM::ExtractValueOp::create(b, cpuid(base, 0), 0);
    return Value(arith::CmpIOp::create(b, arith::CmpIPredicate::uge, largest,
                                       constant(b, needed)));
  };
  for (const Requirement &needed : requirements(target)) {
    also([&] { return largestLeaf(needed.leaf & 0x80000000, needed.leaf); });
    also([&] {
      return hasBits(b, cpuid(needed.leaf, needed.subleaf), needed.where,
                     needed.bits);
    });
  }
  if (uint32_t state = savedState(target))
    also([&] {
      Value registers = emitAssembly(b, "xgetbv",
                                     "={ax},={dx},{ax},{cx},~{dirflag},~{fpsr},"
                                     "~{flags}",
                                     2, constant(b, 0), constant(b, 0));
      return hasBits(b, registers, 0, state);
    });
  return yes;
}

func::FuncOp qopt::cpu::emitVariantLookup(OpBuilder &builder, Location location,
                                          llvm::ArrayRef<CpuTarget> variants) {
  auto module = cast<ModuleOp>(builder.getBlock()->getParentOp());
  if (module.lookupSymbol(lookupName))
    return nullptr;
  OpBuilder::InsertionGuard guard(builder);
  auto internal = LLVM::Linkage::Internal;
  Type i32 = builder.getI32Type();
  LLVM::GlobalOp::create(builder, location, i32, /*isConstant=*/false, internal,
                         cacheName, builder.getI32IntegerAttr(0));
  auto function = func::FuncOp::create(builder, location, lookupName,
                                       builder.getFunctionType({}, {i32}));
  function->setAttr("llvm.linkage",
                    LLVM::LinkageAttr::get(builder.getContext(), internal));
  function->setAttr("passthrough", builder.getStrArrayAttr({"noinline"}));
  builder.setInsertionPointToStart(function.addEntryBlock());
  ImplicitLocOpBuilder b(location, builder);
  // Threads that race here store the same number.
  Value cache = LLVM::AddressOfOp::create(
      b, LLVM::LLVMPointerType::get(b.getContext()), cacheName);
  Value known = LLVM::LoadOp::create(b, i32, cache);
  Value isKnown =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ne, known, constant(b, 0));
  auto result = scf::IfOp::create(
      b, isKnown,
      [&](OpBuilder &, Location) { scf::YieldOp::create(b, known); },
      [&](OpBuilder &, Location) {
        Value chosen = constant(b, variants.size());
        for (size_t i = variants.size() - 1; i-- > 0;)
          chosen = arith::SelectOp::create(b, emitIsVariant(b, variants[i]),
                                           constant(b, i + 1), chosen);
        LLVM::StoreOp::create(b, chosen, cache);
        scf::YieldOp::create(b, chosen);
      });
  func::ReturnOp::create(
      b, Value(arith::SubIOp::create(b, result.getResult(0), constant(b, 1))));
  return function;
}

func::FuncOp qopt::cpu::emitDispatch(OpBuilder &builder, Location location,
                                     StringRef symbol, FunctionType type,
                                     size_t variants) {
  auto function = func::FuncOp::create(builder, location, symbol, type);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(function.addEntryBlock());
  ImplicitLocOpBuilder b(location, builder);
  Value variant = func::CallOp::create(b, lookupName, TypeRange(b.getI32Type()))
                      .getResult(0);
  SmallVector<int64_t> cases;
  for (size_t i = 0; i + 1 < variants; ++i)
    cases.push_back(int64_t(i));
  auto choice = scf::IndexSwitchOp::create(
      b, TypeRange(), arith::IndexCastOp::create(b, b.getIndexType(), variant),
      cases, cases.size());
  auto fill = [&](Region &region, size_t index) {
    b.createBlock(&region);
    func::CallOp::create(b, symbol.str() + variantSuffix(index), TypeRange(),
                         function.getArguments());
    scf::YieldOp::create(b);
  };
  for (size_t i = 0; i < cases.size(); ++i)
    fill(choice.getCaseRegions()[i], i);
  fill(choice.getDefaultRegion(), variants - 1);
  b.setInsertionPointAfter(choice);
  func::ReturnOp::create(b);
  return function;
}
