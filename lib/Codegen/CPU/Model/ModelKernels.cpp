//===- ModelKernels.cpp - what stands between the linears -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "ModelKernels.h"
#include "KernelEmitter.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

/// A number as a part of a symbol: its bits.
static std::string bitsName(float value) {
  return llvm::utohexstr(llvm::bit_cast<uint32_t>(value));
}

LinearKernel ModelKernels::linear(Location location,
                                  const LinearKernelSpec &spec) {
  if (!has(spec.blocksSymbol())) {
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    emitLinearKernel(builder, location, spec, target);
  }
  LinearKernel kernel{spec.blocksSymbol(), int(spec.layout.components().size()),
                      spec.layout.blocks()};
  if (!spec.exact) {
    kernel.prepare = spec.prepareSymbol();
    kernel.row = spec.rowSymbol();
    kernel.preparedBytes = spec.preparedBytes();
    kernel.preparation = spec.preparation();
  }
  return kernel;
}

std::string ModelKernels::rmsNorm(Location location, int64_t columns,
                                  float epsilon, float offset, bool permutes) {
  std::string name = str("qopt_rms_norm_n", columns, "_", bitsName(epsilon),
                         offset != 0 ? "_" + bitsName(offset) : "",
                         permutes ? "_permuted" : "");
  if (has(name))
    return name;
  Type f32 = Float32Type::get(module.getContext());
  SmallVector<Type> buffers = {f32, f32, f32};
  if (permutes)
    buffers.insert(buffers.begin() + 2, IntegerType::get(f32.getContext(), 32));
  KernelEmitter e(module, location, name, buffers);
  ImplicitLocOpBuilder &b = e.b;
  Value x = e.buffer(0), w = e.buffer(1), y = e.buffer(buffers.size() - 1);
  // A row in its old order stays in the cache.
  Value scratch =
      permutes ? memref::AllocaOp::create(b, MemRefType::get({columns}, f32),
                                          b.getI64IntegerAttr(64))
                     .getResult()
               : Value();
  Value zero = e.index(0), length = e.index(columns);
  e.loop(e.count(0), e.count(1), 1, [&](Value row) {
    Value start = e.times(row, columns);
    // Four sums hide the latency of the additions.
    KernelEmitter::Values sums(4, e.splat(0));
    const int64_t unrolled = columns / 64 * 64;
    sums = e.loop(zero, e.index(unrolled), 64, sums,
                  [&](Value i, KernelEmitter::Values &carried) {
                    for (int part = 0; part < 4; ++part) {
                      Value at = e.add(e.add(start, i), e.index(16 * part));
                      Value v = e.load(x, at, {});
                      carried[part] = e.fma(v, v, carried[part]);
                    }
                  });
    KernelEmitter::Values last = {sums[0]};
    last = e.vectors(e.index(unrolled), length, last,
                     [&](Value i, Value mask, KernelEmitter::Values &carried) {
                       Value v = e.load(x, e.add(start, i), mask);
                       carried[0] = e.fma(v, v, carried[0]);
                     });
    Value total =
        arith::AddFOp::create(b, arith::AddFOp::create(b, last[0], sums[1]),
                              arith::AddFOp::create(b, sums[2], sums[3]));
    auto scalar = [&](float value) {
      return arith::ConstantOp::create(b, b.getF32FloatAttr(value)).getResult();
    };
    Value mean = arith::MulFOp::create(b, e.sum(total),
                                       scalar(float(1.0 / double(columns))));
    Value root = LLVM::SqrtOp::create(
        b, f32, arith::AddFOp::create(b, mean, scalar(epsilon)).getResult());
    Value factor =
        e.broadcast(arith::DivFOp::create(b, scalar(1), root).getResult());
    e.vectors(
        zero, length, {}, [&](Value i, Value mask, KernelEmitter::Values &) {
          Value at = e.add(start, i);
          Value scaled = arith::MulFOp::create(b, e.load(x, at, mask), factor);
          Value weight = e.load(w, i, mask);
          if (offset != 0)
            weight = arith::AddFOp::create(b, e.splat(offset), weight);
          Value result = arith::MulFOp::create(b, scaled, weight);
          e.store(result, permutes ? scratch : y, permutes ? i : at, mask);
        });
    if (permutes)
      e.permuteRow(scratch, zero, e.buffer(2), y, start, columns);
  });
  e.finish();
  return name;
}

std::string ModelKernels::bias(Location location, int64_t columns) {
  std::string name = str("qopt_bias_n", columns);
  if (has(name))
    return name;
  Type f32 = Float32Type::get(module.getContext());
  KernelEmitter e(module, location, name, {f32, f32, f32});
  Value x = e.buffer(0), w = e.buffer(1), y = e.buffer(2);
  e.loop(e.count(0), e.count(1), 1, [&](Value row) {
    Value start = e.times(row, columns);
    e.vectors(e.index(0), e.index(columns), {},
              [&](Value i, Value mask, KernelEmitter::Values &) {
                Value at = e.add(start, i);
                Value sum = arith::AddFOp::create(e.b, e.load(x, at, mask),
                                                  e.load(w, i, mask));
                e.store(sum, y, at, mask);
              });
  });
  e.finish();
  return name;
}

std::string ModelKernels::slice(Location location, int64_t columns,
                                int64_t offset, int64_t outputs) {
  std::string name =
      str("qopt_slice_n", columns, "_from", offset, "_n", outputs);
  if (has(name))
    return name;
  Type f32 = Float32Type::get(module.getContext());
  KernelEmitter e(module, location, name, {f32, f32});
  Value x = e.buffer(0), y = e.buffer(1);
  e.loop(e.count(0), e.count(1), 1, [&](Value row) {
    Value from = e.add(e.times(row, columns), e.index(offset));
    Value to = e.times(row, outputs);
    e.vectors(e.index(0), e.index(outputs), {},
              [&](Value i, Value mask, KernelEmitter::Values &) {
                e.store(e.load(x, e.add(from, i), mask), y, e.add(to, i), mask);
              });
  });
  e.finish();
  return name;
}

/// y[i] = x[order[i]] for each row.
std::string ModelKernels::permute(Location location, int64_t columns) {
  std::string name = str("qopt_permute_n", columns);
  if (has(name))
    return name;
  OpBuilder builder(module.getContext());
  Type i32 = builder.getI32Type(), f32 = builder.getF32Type();
  KernelEmitter e(module, location, name, {f32, i32, f32});
  Value x = e.buffer(0), order = e.buffer(1), y = e.buffer(2);
  e.loop(e.count(0), e.count(1), 1, [&](Value row) {
    Value start = e.times(row, columns);
    e.permuteRow(x, start, order, y, start, columns);
  });
  e.finish();
  return name;
}

std::string ModelKernels::order(Location location, DenseI64ArrayAttr order) {
  std::string name = str("qopt_order_", orders.size());
  auto [known, isNew] = orders.try_emplace(order, name);
  if (!isNew)
    return known->second;
  OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
  Type i32 = b.getI32Type();
  LLVM::GlobalOp::create(
      b, location, LLVM::LLVMArrayType::get(i32, order.size()),
      /*isConstant=*/true, LLVM::Linkage::Internal, name,
      DenseIntElementsAttr::get(RankedTensorType::get({order.size()}, i32),
                                SmallVector<int32_t>(order.asArrayRef())));
  return name;
}

/// activation(x), see qopt/Numerics/Ops.h.
static Value emitActivation(KernelEmitter &e, llm::Activation activation,
                            Value x) {
  ImplicitLocOpBuilder &b = e.b;
  auto logistic = [&](Value t) { // x / (1 + exp(-t))
    Value grown = arith::AddFOp::create(
        b, e.exponential(arith::NegFOp::create(b, t)), e.splat(1));
    return arith::DivFOp::create(b, x, grown).getResult();
  };
  switch (activation) {
  case llm::Activation::Silu:
    return logistic(x);
  case llm::Activation::GeluTanh: {
    Value square = arith::MulFOp::create(b, x, x);
    Value bent = e.fma(square, e.splat(0.044715), e.splat(1));
    Value t = arith::MulFOp::create(b, x, bent);
    return logistic(arith::MulFOp::create(b, t, e.splat(1.59576912)));
  }
  case llm::Activation::Gelu: {
    Value u = arith::MulFOp::create(b, x, e.splat(0.707106781));
    Value grown = arith::AddFOp::create(b, e.erf(u), e.splat(1));
    Value half = arith::MulFOp::create(b, x, e.splat(0.5));
    return arith::MulFOp::create(b, half, grown);
  }
  }
  llvm_unreachable("every activation is listed");
}

std::string ModelKernels::elementwise(
    Location location, std::string name, int inputs,
    function_ref<Value(KernelEmitter &e, ArrayRef<Value> x)> body) {
  if (has(name))
    return name;
  Type f32 = Float32Type::get(module.getContext());
  SmallVector<Type> buffers(inputs + 1, f32);
  KernelEmitter e(module, location, name, buffers);
  SmallVector<Value> memory;
  for (int i = 0; i <= inputs; ++i)
    memory.push_back(e.buffer(i));
  e.vectors(e.count(0), e.count(1), {},
            [&](Value i, Value mask, KernelEmitter::Values &) {
              SmallVector<Value> x;
              for (int number = 0; number < inputs; ++number)
                x.push_back(e.load(memory[number], i, mask));
              e.store(body(e, x), memory.back(), i, mask);
            });
  e.finish();
  return name;
}

std::string ModelKernels::sum(Location location) {
  return elementwise(location, "qopt_add", 2,
                     [](KernelEmitter &e, ArrayRef<Value> x) -> Value {
                       return arith::AddFOp::create(e.b, x[0], x[1]);
                     });
}

std::string ModelKernels::elementwise(Operation *op) {
  Location location = op->getLoc();
  if (auto gated = dyn_cast<llm::GatedOp>(op))
    return elementwise(
        location,
        str("qopt_gated_",
            llm::stringifyActivation(gated.getActivation()).str()),
        2, [&](KernelEmitter &e, ArrayRef<Value> x) -> Value {
          return arith::MulFOp::create(
              e.b, emitActivation(e, gated.getActivation(), x[0]), x[1]);
        });
  if (auto softcap = dyn_cast<llm::SoftcapOp>(op)) {
    const float cap = softcap.getCap().convertToFloat();
    return elementwise(
        location, str("qopt_softcap_", bitsName(cap)), 1,
        [&](KernelEmitter &e, ArrayRef<Value> x) -> Value {
          Value u = arith::MulFOp::create(e.b, x[0], e.splat(1.0 / cap));
          return arith::MulFOp::create(e.b, e.tanh(u), e.splat(cap));
        });
  }
  if (isa<arith::AddFOp>(op))
    return sum(location);
  if (isa<arith::MulFOp>(op))
    return elementwise(location, "qopt_multiply", 2,
                       [](KernelEmitter &e, ArrayRef<Value> x) -> Value {
                         return arith::MulFOp::create(e.b, x[0], x[1]);
                       });
  return elementwise(location, "qopt_subtract", 2,
                     [](KernelEmitter &e, ArrayRef<Value> x) -> Value {
                       return arith::SubFOp::create(e.b, x[0], x[1]);
                     });
}
