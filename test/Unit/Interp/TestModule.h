//===- TestModule.h - small modules to run ----------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TEST_UNIT_INTERP_TESTMODULE_H
#define QOPT_TEST_UNIT_INTERP_TESTMODULE_H

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Interp/LanguageModel.h"
#include "qopt/Numerics/Random.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

namespace qopt::test {

/// A parsed module with an interpreter.
struct TestModule {
  explicit TestModule(const std::string &text, unsigned threads = 2,
                      int64_t maxMemory = WeightStore::unlimited) {
    context.loadDialect<QOptDialect, llm::LLMDialect, mlir::func::FuncDialect,
                        mlir::arith::ArithDialect,
                        mlir::ml_program::MLProgramDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    QuantizationContext::Options options;
    options.threads = threads;
    interpreter = std::make_unique<Interpreter>(
        *module, std::make_shared<QuantizationContext>(options),
        Interpreter::Options{maxMemory});
  }

  mlir::func::FuncOp function(llvm::StringRef name) {
    return module->lookupSymbol<mlir::func::FuncOp>(name);
  }
  Result<Tensor> run(std::vector<RuntimeValue> arguments,
                     const RunOptions &options = {}) {
    QOPT_ASSIGN(const Program *program, interpreter->prepare(function("f")));
    return interpreter->runToTensor(program, std::move(arguments), options);
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<Interpreter> interpreter;
};

inline Tensor tensor(int64_t columns, std::vector<float> values) {
  return Tensor::copyOf(
      {values.data(), int64_t(values.size()) / columns, columns});
}

inline Tensor randomTensor(int64_t rows, int64_t columns, uint64_t seed) {
  Tensor result(rows, columns);
  Random random(seed);
  for (float &value : result.mutableValues())
    value = float(random.uniform() * 2 - 1);
  return result;
}

inline std::vector<float> numbers(const Tensor &tensor) {
  return {tensor.values().begin(), tensor.values().end()};
}

/// `dense<…>` of random f32 numbers.
inline std::string randomDense(int64_t rows, int64_t columns, uint64_t seed) {
  Tensor values = randomTensor(rows, columns, seed);
  std::string text = "dense<[";
  for (int64_t row = 0; row < rows; ++row) {
    text += row ? ", [" : "[";
    for (int64_t column = 0; column < columns; ++column)
      text += (column ? ", " : "") + std::to_string(values.row(row)[column]);
    text += "]";
  }
  return text + "]>";
}

/// A model with two blocks, 8 channels, two query heads on one key head, and
/// eleven tokens.
inline std::string tinyModel() {
  std::string text = R"(
module attributes {llm.entry = @forward, llm.config = {max_position_embeddings = 32 : i64}} {
  func.func @forward(%t: tensor<?xi32>, %pos: tensor<?xi32>, %kv: !llm.kv_cache) -> tensor<?x11xf32> {
    %e = ml_program.global_load_const @embed : tensor<11x8xf32>
    %h = ml_program.global_load_const @head : tensor<11x8xf32>
    %x = llm.embedding %t, %e : tensor<?xi32>, tensor<11x8xf32> -> tensor<?x8xf32>
    %x0 = call @block_0(%x, %pos, %kv) : (tensor<?x8xf32>, tensor<?xi32>, !llm.kv_cache) -> tensor<?x8xf32>
    %x1 = call @block_1(%x0, %pos, %kv) : (tensor<?x8xf32>, tensor<?xi32>, !llm.kv_cache) -> tensor<?x8xf32>
    %y = qopt.linear %x1, %h : tensor<?x8xf32>, tensor<11x8xf32> -> tensor<?x11xf32>
    return %y : tensor<?x11xf32>
  }
)";
  auto global = [&](const std::string &name, int64_t rows, int64_t columns,
                    uint64_t seed) {
    std::string type = "tensor<" + std::to_string(rows) + "x" +
                       std::to_string(columns) + "xf32>";
    text += "  ml_program.global private @" + name + "(" +
            randomDense(rows, columns, seed) + " : " + type + ") : " + type +
            "\n";
  };
  global("embed", 11, 8, 1);
  global("head", 11, 8, 2);
  for (int i = 0; i < 2; ++i) {
    std::string n = std::to_string(i);
    global("q" + n, 8, 8, 10 * i + 3);
    global("k" + n, 4, 8, 10 * i + 4);
    global("v" + n, 4, 8, 10 * i + 5);
    text +=
        "func.func private @block_" + n +
        R"((%x: tensor<?x8xf32>, %pos: tensor<?xi32>, %kv: !llm.kv_cache) -> tensor<?x8xf32> attributes {llm.block = )" +
        n + R"( : i64} {
    %wq = ml_program.global_load_const @q)" +
        n + R"( : tensor<8x8xf32>
    %wk = ml_program.global_load_const @k)" +
        n + R"( : tensor<4x8xf32>
    %wv = ml_program.global_load_const @v)" +
        n + R"( : tensor<4x8xf32>
    %q = qopt.linear %x, %wq : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    %k = qopt.linear %x, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
    %v = qopt.linear %x, %wv : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
    %qr = llm.rope %q, %pos {head_dim = 4 : i64, theta = 1.0e2 : f64} : tensor<?x8xf32>, tensor<?xi32>
    %kr = llm.rope %k, %pos {head_dim = 4 : i64, theta = 1.0e2 : f64} : tensor<?x4xf32>, tensor<?xi32>
    %a = llm.attention %qr, %kr, %v, %kv {layer = )" +
        n +
        R"( : i64, heads = 2 : i64, kv_heads = 1 : i64, scale = 0.5 : f32} : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
    %s = arith.addf %x, %a : tensor<?x8xf32>
    return %s : tensor<?x8xf32>
  }
)";
  }
  return text + "}\n";
}

} // namespace qopt::test

#endif // QOPT_TEST_UNIT_INTERP_TESTMODULE_H
