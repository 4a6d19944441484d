//===- LowerToLinalgTest.cpp - the reference lowering against Interp -----===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Interp/TestModule.h"
#include "LinalgJit.h"

#include "qopt/Formats/FormatTable.h"
#include "qopt/Transforms/Passes.h"

using namespace qopt;
using namespace qopt::test;

namespace {

/// Linears @f0, @f1, … on random weights [rows, columns] of one scheme each.
struct Linears {
  std::string globals, functions;
  std::vector<std::string> names;

  void add(const std::string &scheme, int64_t columns, bool bias = false) {
    const int64_t rows = 3;
    std::string n = std::to_string(names.size());
    names.push_back(scheme);
    std::string type = str("tensor<", rows, "x", columns, "xf32>");
    globals += str("ml_program.global private @w", n, "(",
                   randomDense(rows, columns, names.size()), " : ", type,
                   ") : ", type, " {qopt.scheme = ", scheme, "}\n");
    functions +=
        str("func.func @f", n, "(%x: tensor<?x", columns, "xf32>) -> tensor<?x",
            rows, "xf32> {\n", "  %w = ml_program.global_load_const @w", n,
            " : ", type, "\n");
    if (bias)
      functions += "  %b = arith.constant dense<[1.0, -2.0, 0.5]> : "
                   "tensor<3xf32>\n";
    functions += str("  %y = qopt.linear %x, %w", bias ? ", %b" : "",
                     " : tensor<?x", columns, "xf32>, ", type,
                     bias ? ", tensor<3xf32>" : "", " -> tensor<?x", rows,
                     "xf32>\n  return %y : tensor<?x", rows, "xf32>\n}\n");
  }
};

class LowerToLinalg : public testing::Test {
protected:
  LowerToLinalg() : registry(makeRegistry()), context(registry) {}

  static mlir::DialectRegistry makeRegistry() {
    mlir::DialectRegistry registry;
    registerUpstream(registry);
    registry.insert<QOptDialect, llm::LLMDialect>();
    return registry;
  }

  /// Runs every linear as it is, and lowered, and compares.
  void check(const Linears &linears, const std::string &passes,
             const std::string &lowering, int64_t expectedLeft = 0) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(
        linears.globals + linears.functions, &context);
    ASSERT_TRUE(module);
    if (!passes.empty())
      ASSERT_TRUE(runPipeline(*module, passes));
    mlir::OwningOpRef<mlir::ModuleOp> lowered = module->clone();
    ASSERT_TRUE(runPipeline(*lowered, lowering));
    int64_t left = 0;
    lowered->walk([&](mlir::Operation *op) {
      left += mlir::isa_and_nonnull<QOptDialect>(op->getDialect());
      left += mlir::isa<mlir::ml_program::GlobalOp>(op);
    });
    ASSERT_EQ(left, expectedLeft);

    Interpreter interpreter(*module, std::make_shared<QuantizationContext>(
                                         QuantizationContext::Options()));
    LinalgJit jit(*lowered);
    for (size_t i = 0; i < linears.names.size(); ++i) {
      SCOPED_TRACE(linears.names[i]);
      std::string name = "f" + std::to_string(i);
      auto function = module->lookupSymbol<mlir::func::FuncOp>(name);
      int64_t columns =
          mlir::cast<mlir::RankedTensorType>(function.getArgumentTypes()[0])
              .getDimSize(1);
      Tensor x = randomTensor(2, columns, 99);
      auto program = interpreter.prepare(function);
      ASSERT_TRUE(program) << program.error().message;
      auto expected = interpreter.runToTensor(*program, {x});
      ASSERT_TRUE(expected) << expected.error().message;
      expectNear(jit.run(name, x), *expected);
    }
  }

  mlir::DialectRegistry registry;
  mlir::MLIRContext context;
};

std::string grouped(int bits, int64_t group, bool symmetric) {
  return str("#qopt.grouped<bits = ", bits, ", group = ", group,
             symmetric ? ", symmetric>" : ">");
}

} // namespace

TEST_F(LowerToLinalg, EqualsTheInterpreterForEveryGroupedScheme) {
  Linears linears;
  for (int bits = 2; bits <= 8; ++bits) {
    linears.add(grouped(bits, 32, bits % 2), 64, bits == 4);
    linears.add(grouped(bits, 24, bits % 2 == 0), 61); // a shorter last group
  }
  linears.add(grouped(4, -1, false), 19);
  linears.add("f32", 16, true);
  check(linears, "rtn-quantize", "lower-qopt-to-linalg");
}

TEST_F(LowerToLinalg, EqualsTheInterpreterForEveryGgufType) {
  Linears linears;
  for (const FormatRow &format : formatTable())
    if (format.quantized)
      linears.add(str("#qopt.gguf<", format.name, ">"),
                  2 * format.blockElements);
  ASSERT_GE(linears.names.size(), 15u);
  check(linears, "gguf-quantize", "lower-qopt-to-linalg");
}

TEST_F(LowerToLinalg, UndoesLayouts) {
  Linears linears;
  linears.add(grouped(4, 32, true), 64);
  linears.add(grouped(3, 32, false), 64);
  check(linears, "rtn-quantize,pack-weights{target=cpu}",
        "lower-qopt-to-linalg");
  check(linears, "rtn-quantize,pack-weights{layout=#qopt.gptq}",
        "lower-qopt-to-linalg");
}

TEST_F(LowerToLinalg, UsesTheQuantDialect) {
  Linears linears;
  for (int bits : {2, 3, 4, 8}) {
    linears.add(grouped(bits, 32, false), 64);
    linears.add(grouped(bits, -1, true), 64);
  }
  linears.add(grouped(4, 24, false), 61); // which it cannot express
  check(linears, "rtn-quantize",
        "lower-qopt-to-linalg{quant-types},func.func(lower-quant-ops),"
        "canonicalize");
}

TEST_F(LowerToLinalg, EqualsTheInterpreterForOpsOfModels) {
  const std::string type = "tensor<2x16xf32>";
  const std::string positions =
      "%pos = arith.constant dense<[3, 900]> : tensor<2xi32>\n";
  const std::string vectors =
      "%w = arith.constant " + randomDense(1, 16, 5) +
      " : tensor<1x16xf32>\n"
      "%g = arith.constant dense<[0.5, -1.0, 2.0, 0.25]> : tensor<4xf32>\n"
      "%h = arith.constant dense<0.75> : tensor<16xf32>\n"
      "%b = arith.constant dense<-0.5> : tensor<16xf32>\n"
      "%u = arith.constant " +
      randomDense(2, 16, 6) + " : " + type + "\n";
  auto rope = [&](const std::string &attributes) {
    return positions + "%y = llm.rope %x, %pos {" + attributes +
           ", theta = 100.0 : f64} : " + type + ", tensor<2xi32>\n";
  };
  auto gated = [&](const std::string &activation) {
    return vectors + "%y = llm.gated %x, %u {activation = #llm.activation<" +
           activation + ">} : " + type + "\n";
  };
  const std::string experts =
      " : tensor<2x16xf32>\n"
      "%e0 = llm.dispatch %x, %r {expert = 0 : i64} : tensor<2x16xf32>, "
      "tensor<2x3xf32> -> tensor<?x16xf32>\n"
      "%e1 = llm.dispatch %x, %r {expert = 1 : i64} : tensor<2x16xf32>, "
      "tensor<2x3xf32> -> tensor<?x16xf32>\n"
      "%e2 = llm.dispatch %x, %r {expert = 2 : i64} : tensor<2x16xf32>, "
      "tensor<2x3xf32> -> tensor<?x16xf32>\n"
      "%y = llm.combine %r(%e0, %e1, %e2) : tensor<2x3xf32> -> "
      "tensor<2x16xf32>\n";
  const std::vector<std::string> bodies = {
      rope("head_dim = 8 : i64"),
      rope("head_dim = 8 : i64, interleaved"),
      rope("head_dim = 8 : i64, rotary_dim = 6 : i64"),
      rope("head_dim = 8 : i64, rotary_dim = 4 : i64, interleaved, scaling = "
           "#llm.yarn_rope<factor = 4.0, beta_fast = 32.0, beta_slow = 1.0, "
           "original_context = 64, magnitude = 1.25>"),
      vectors +
          "%y = llm.rms_norm %x, %g {eps = 0.125 : f32, offset = 1.0 : "
          "f32} : " +
          type + ", tensor<4xf32>\n",
      vectors + "%y = llm.layer_norm %x, %h, %b {eps = 0.125 : f32} : " + type +
          ", tensor<16xf32>, tensor<16xf32>\n",
      gated("silu"),
      gated("gelu"),
      gated("gelu_tanh"),
      "%y = llm.softcap %x {cap = 0.5 : f32} : " + type + "\n",
      "%s = llm.slice %x {offset = 8 : i64} : " + type +
          " -> tensor<2x8xf32>\n"
          "%t = llm.slice %s {offset = 4 : i64} : tensor<2x8xf32> -> "
          "tensor<2x4xf32>\n"
          "%w = arith.constant " +
          randomDense(16, 4, 7) +
          " : tensor<16x4xf32>\n"
          "%y = qopt.linear %t, %w : tensor<2x4xf32>, tensor<16x4xf32> -> " +
          type + "\n",
      "%l = llm.slice %x {offset = 0 : i64} : " + type +
          " -> tensor<2x3xf32>\n"
          "%r = llm.route %l {normalize, top_k = 2 : i64} : tensor<2x3xf32>\n" +
          "%y0 = arith.addf %x, %x" + experts,
      // Equal weights: the first of them.
      "%l = arith.constant dense<0.5> : tensor<2x3xf32>\n"
      "%r = llm.route %l {top_k = 1 : i64} : tensor<2x3xf32>\n"
      "%y0 = arith.addf %x, %x" +
          experts,
  };
  std::string text;
  for (size_t i = 0; i < bodies.size(); ++i)
    text += str("func.func @f", i, "(%x: ", type, ") -> ", type, " {\n",
                bodies[i], "return %y : ", type, "\n}\n");
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  ASSERT_TRUE(module);
  mlir::OwningOpRef<mlir::ModuleOp> lowered = module->clone();
  ASSERT_TRUE(runPipeline(*lowered, "lower-qopt-to-linalg"));
  lowered->walk([&](mlir::Operation *op) {
    EXPECT_FALSE((
        mlir::isa_and_nonnull<QOptDialect, llm::LLMDialect>(op->getDialect())));
  });
  Interpreter interpreter(*module, std::make_shared<QuantizationContext>(
                                       QuantizationContext::Options()));
  LinalgJit jit(*lowered);
  for (size_t i = 0; i < bodies.size(); ++i) {
    SCOPED_TRACE(bodies[i]);
    std::string name = "f" + std::to_string(i);
    Tensor x = randomTensor(2, 16, 99);
    auto program =
        interpreter.prepare(module->lookupSymbol<mlir::func::FuncOp>(name));
    ASSERT_TRUE(program) << program.error().message;
    auto expected = interpreter.runToTensor(*program, {x});
    ASSERT_TRUE(expected) << expected.error().message;
    expectNear(jit.run(name, x), *expected);
  }
}
