//===- Warpgroup.cpp - wgmma and the barriers around it -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Warpgroup.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

void Mbarrier::init(KernelBuilder &b, Value address, int64_t arrivals) {
  b.ptx({},
        "mbarrier.init.shared::cta.b64 [$0], " + std::to_string(arrivals) + ";",
        "r", address);
}

void Mbarrier::arriveOfWarp(KernelBuilder &b, Value address, Value lane) {
  b.ptx({},
        "{ .reg .pred first;\n"
        "setp.eq.u32 first, $1, 0;\n"
        "@first mbarrier.arrive.shared::cta.b64 _, [$0];\n"
        "}",
        "r,r", {address, lane});
}

void Mbarrier::expectBytes(KernelBuilder &b, Value address, int64_t count,
                           Value condition) {
  b.ptx({},
        "@$1 mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [$0], " +
            std::to_string(count) + ";",
        "r,b", {address, condition});
}

void Mbarrier::arriveAfterCopies(KernelBuilder &b, Value address) {
  b.ptx({}, "cp.async.mbarrier.arrive.noinc.shared::cta.b64 [$0];", "r",
        address);
}

void Mbarrier::wait(KernelBuilder &b, Value address, Value parity) {
  b.ptx({},
        "{ .reg .pred done;\n"
        "wait_${:uid}:\n"
        "mbarrier.try_wait.parity.shared::cta.b64 done, [$0], $1;\n"
        "@!done bra wait_${:uid};\n"
        "}",
        "r,r", {address, parity});
}

void qopt::nvptx::copyBulk(KernelBuilder &b, Value address, Value source,
                           int64_t bytes, Value barrier, Value policy,
                           Value condition) {
  b.ptx({},
        "@$4 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes"
        ".L2::cache_hint [$0], [$1], " +
            std::to_string(bytes) + ", [$2], $3;",
        "r,l,r,l,b", {address, source, barrier, policy, condition});
}

Value qopt::nvptx::oneLane(KernelBuilder &b) {
  return NVVM::ElectSyncOp::create(b, b.getI1Type(), Value());
}

Value qopt::nvptx::uniformInWarp(KernelBuilder &b, Value value) {
  return NVVM::ShflOp::create(b, b.getI32Type(), b.i32(-1), value, b.i32(0),
                              b.i32(31), NVVM::ShflKind::idx, UnitAttr());
}

void qopt::nvptx::fenceAsyncProxy(KernelBuilder &b) {
  b.ptx({}, "fence.proxy.async.shared::cta;", "", {});
}

void qopt::nvptx::namedBarrier(KernelBuilder &b, int64_t id, int64_t threads) {
  b.ptx({},
        "bar.sync " + std::to_string(id) + ", " + std::to_string(threads) + ";",
        "", {});
}

void qopt::nvptx::clusterBarrier(KernelBuilder &b) {
  b.ptx({},
        "barrier.cluster.arrive.release.aligned;\n"
        "barrier.cluster.wait.acquire.aligned;",
        "", {});
}

void qopt::nvptx::meetInCluster(KernelBuilder &b) {
  b.ptx({},
        "barrier.cluster.arrive.relaxed.aligned;\n"
        "barrier.cluster.wait.acquire.aligned;",
        "", {});
}

void qopt::nvptx::setRegisters(KernelBuilder &b, bool increase, int64_t count) {
  b.ptx({},
        std::string("setmaxnreg.") + (increase ? "inc" : "dec") +
            ".sync.aligned.u32 " + std::to_string(count) + ";",
        "", {});
}

Value qopt::nvptx::swizzledOperand(KernelBuilder &b, Value address) {
  // Bits 0-13 address / 16, 16-29 leading offset (unused), 32-45 stride of
  // eight rows / 16, 62-63 swizzle of 128 bytes.
  constexpr uint64_t fixed =
      uint64_t(1) << 62 | uint64_t(1024 / 16) << 32 | uint64_t(1) << 16;
  Type i64 = b.getI64Type();
  Value place = arith::ExtUIOp::create(b, i64, b.shiftRight(address, 4));
  return arith::OrIOp::create(
      b, place, arith::ConstantIntOp::create(b, i64, int64_t(fixed)));
}

void qopt::nvptx::endBasicBlock(KernelBuilder &b, ArrayRef<Value> ready) {
  // Of branches on something that stays the same only the first would be left.
  std::string code = "{ .reg .pred some;\n"
                     ".reg .b32 lanes;\n"
                     "activemask.b32 lanes;\n"
                     "setp.ne.u32 some, lanes, 0;\n"
                     "@some bra on_${:uid};\n";
  std::string constraints;
  for (size_t i = 0; i < ready.size(); ++i) {
    code += "st.shared.b32 [lanes], $" + std::to_string(i) + ";\n";
    constraints += i == 0 ? "r" : ",r";
  }
  code += "trap;\n"
          "on_${:uid}:\n"
          "}";
  b.ptx({}, code, constraints, ready);
}

void qopt::nvptx::commitWgmma(KernelBuilder &b) {
  b.ptx({}, "wgmma.commit_group.sync.aligned;", "", {});
}

/// Executes PTX that changes registers in place; those that are null are f32
/// that it only writes.
static void update(KernelBuilder &b, MutableArrayRef<Value> registers,
                   StringRef code, ValueRange others,
                   StringRef otherConstraints) {
  std::string constraints, ties;
  SmallVector<Type> types;
  KernelBuilder::Values operands(others);
  for (auto [index, value] : llvm::enumerate(registers)) {
    types.push_back(value ? value.getType() : b.getF32Type());
    constraints += value ? "=" : "=&";
    constraints += types.back().isInteger() ? "r," : "f,";
    if (!value)
      continue;
    ties += "," + std::to_string(index);
    operands.push_back(value);
  }
  constraints.pop_back();
  Value all = b.ptx(types, code, constraints + otherConstraints.str() + ties,
                    operands)[0];
  for (size_t i = 0; i < registers.size(); ++i)
    registers[i] = LLVM::ExtractValueOp::create(b, all, i);
}

void qopt::nvptx::fenceWgmma(KernelBuilder &b, MutableArrayRef<Value> registers,
                             Value operand) {
  update(b, registers, "wgmma.fence.sync.aligned;", operand, ",l");
}

void qopt::nvptx::wgmma(KernelBuilder &b, ActivationType type,
                        ArrayRef<Value> weight, Value operand, bool accumulate,
                        MutableArrayRef<Value> sums) {
  size_t count = sums.size();
  std::string element = type == ActivationType::F16 ? "f16" : "bf16";
  std::string code = "{ .reg .pred accumulate;\n"
                     "setp.ne.b32 accumulate, " +
                     std::string(accumulate ? "1" : "0") +
                     ", 0;\n"
                     "wgmma.mma_async.sync.aligned.m64n" +
                     std::to_string(2 * count) + "k16.f32." + element + "." +
                     element + " {";
  for (size_t i = 0; i < count; ++i)
    code += (i == 0 ? "$" : ", $") + std::to_string(i);
  code += "}, {";
  KernelBuilder::Values others;
  std::string constraints;
  for (size_t i = 0; i < 4; ++i) {
    code += (i == 0 ? "$" : ", $") + std::to_string(count + i);
    others.push_back(weight[i]);
    constraints += ",r";
  }
  others.push_back(operand);
  constraints += ",l";
  code += "}, $" + std::to_string(count + 4) + ", accumulate, 1, 1, 0;\n}";
  update(b, sums, code, others, constraints);
}

void qopt::nvptx::waitForWgmma(KernelBuilder &b, int64_t pending,
                               MutableArrayRef<Value> registers,
                               ArrayRef<Value> used) {
  std::string code =
      "wgmma.wait_group.sync.aligned " + std::to_string(pending) + ";";
  std::string constraints;
  for (size_t i = 0; i < used.size(); ++i)
    constraints += ",r";
  if (registers.empty())
    b.ptx({}, code, StringRef(constraints).drop_front(), used);
  else
    update(b, registers, code, used, constraints);
}
