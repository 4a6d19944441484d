//===- RaiseTest.cpp - raised modules compute what they did before -------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "RaiseFixture.h"

#include "qopt/Transforms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace qopt;
using namespace qopt::test;

namespace {

class Raise : public RaiseFixture {
protected:
  /// Adds a function @f<index> from tensor<5x8xf32> to tensor<rows x columns>.
  /// `%w` is a random [6, 8], `%wt` a random [8, 6], `%zero` zeros [5, 6], `%b`
  /// a vector [6].
  void add(const std::string &body, const std::string &result = "5x6") {
    std::string n = std::to_string(count++);
    text += "func.func @f" + n + "(%x: tensor<5x8xf32>) -> tensor<" + result +
            "xf32> {\n  %w = arith.constant " + randomDense(6, 8, count) +
            " : tensor<6x8xf32>\n  %wt = arith.constant " +
            randomDense(8, 6, count) +
            " : tensor<8x6xf32>\n"
            "  %zero = arith.constant dense<0.0> : tensor<5x6xf32>\n"
            "  %b = arith.constant dense<[1.0, 2.0, -1.0, 0.5, 3.0, 0.0]> : "
            "tensor<6xf32>\n" +
            body + "  return %y : tensor<" + result + "xf32>\n}\n";
  }

  /// Every function must have one linear after raising, and compute the same.
  void check(const std::string &before = "") {
    checkRaised(LinearOp::getOperationName(), before);
  }
};

} // namespace

TEST_F(Raise, TakesNamedMatmulsWithAnyMaps) {
  add("%y = linalg.matmul ins(%x, %wt : tensor<5x8xf32>, tensor<8x6xf32>) "
      "outs(%zero : tensor<5x6xf32>) -> tensor<5x6xf32>\n");
  add("%y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : "
      "tensor<5x8xf32>, tensor<6x8xf32>) outs(%zero : tensor<5x6xf32>) -> "
      "tensor<5x6xf32>\n");
  // The weight on the left gives the transposed output.
  add("%e = arith.constant dense<0.0> : tensor<6x5xf32>\n"
      "%y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%w, %x : "
      "tensor<6x8xf32>, tensor<5x8xf32>) outs(%e : tensor<6x5xf32>) -> "
      "tensor<6x5xf32>\n",
      "6x5");
  // An accumulator that is not zero.
  add("%i = arith.constant dense<2.0> : tensor<5x6xf32>\n"
      "%y = linalg.matmul ins(%x, %wt : tensor<5x8xf32>, tensor<8x6xf32>) "
      "outs(%i : tensor<5x6xf32>) -> tensor<5x6xf32>\n");
  check();
}

TEST_F(Raise, TakesVectorsAndBatches) {
  add("%v = tensor.extract_slice %x[2, 0] [1, 8] [1, 1] : tensor<5x8xf32> to "
      "tensor<8xf32>\n"
      "%e = arith.constant dense<0.0> : tensor<6xf32>\n"
      "%r = linalg.matvec ins(%w, %v : tensor<6x8xf32>, tensor<8xf32>) outs(%e "
      ": tensor<6xf32>) -> tensor<6xf32>\n"
      "%y = tensor.expand_shape %r [[0, 1]] output_shape [1, 6] : "
      "tensor<6xf32> into tensor<1x6xf32>\n",
      "1x6");
  add("%v = tensor.extract_slice %x[2, 0] [1, 8] [1, 1] : tensor<5x8xf32> to "
      "tensor<8xf32>\n"
      "%r = linalg.vecmat ins(%v, %wt : tensor<8xf32>, tensor<8x6xf32>) "
      "outs(%b : tensor<6xf32>) -> tensor<6xf32>\n"
      "%y = tensor.expand_shape %r [[0, 1]] output_shape [1, 6] : "
      "tensor<6xf32> into tensor<1x6xf32>\n",
      "1x6");
  // A weight repeated along the batch.
  add("%x3 = tensor.expand_shape %x [[0, 1], [2]] output_shape [5, 1, 8] : "
      "tensor<5x8xf32> into tensor<5x1x8xf32>\n"
      "%e = tensor.empty() : tensor<5x8x6xf32>\n"
      "%w3 = linalg.broadcast ins(%wt : tensor<8x6xf32>) outs(%e : "
      "tensor<5x8x6xf32>) dimensions = [0]\n"
      "%z = arith.constant dense<0.0> : tensor<5x1x6xf32>\n"
      "%r = linalg.batch_matmul ins(%x3, %w3 : tensor<5x1x8xf32>, "
      "tensor<5x8x6xf32>) outs(%z : tensor<5x1x6xf32>) -> tensor<5x1x6xf32>\n"
      "%y = tensor.collapse_shape %r [[0, 1], [2]] : tensor<5x1x6xf32> into "
      "tensor<5x6xf32>\n");
  check();
}

TEST_F(Raise, LooksThroughWhatStandsBeforeTheWeight) {
  add("%e = tensor.empty() : tensor<8x6xf32>\n"
      "%t = linalg.transpose ins(%w : tensor<6x8xf32>) outs(%e : "
      "tensor<8x6xf32>) permutation = [1, 0]\n"
      "%y = linalg.matmul ins(%x, %t : tensor<5x8xf32>, tensor<8x6xf32>) "
      "outs(%zero : tensor<5x6xf32>) -> tensor<5x6xf32>\n");
  // Rows and columns of a larger matrix, transposed.
  add("%big = arith.constant " + randomDense(9, 20, 7) +
      " : tensor<9x20xf32>\n"
      "%s = tensor.extract_slice %big[2, 11] [6, 8] [1, 1] : tensor<9x20xf32> "
      "to tensor<6x8xf32>\n"
      "%e = tensor.empty() : tensor<8x6xf32>\n"
      "%t = linalg.generic {indexing_maps = [#ji, #ij], iterator_types = "
      "[\"parallel\", \"parallel\"]} ins(%s : tensor<6x8xf32>) outs(%e : "
      "tensor<8x6xf32>) {\n^bb0(%in: f32, %out: f32): linalg.yield %in : f32\n}"
      " -> tensor<8x6xf32>\n"
      "%y = linalg.matmul ins(%x, %t : tensor<5x8xf32>, tensor<8x6xf32>) "
      "outs(%zero : tensor<5x6xf32>) -> tensor<5x6xf32>\n");
  // One matrix of a stack, reshaped and widened.
  add("%halves = arith.constant " + randomDense(36, 4, 8) +
      " : tensor<36x4xf16>\n"
      "%stack = arith.extf %halves : tensor<36x4xf16> to tensor<36x4xf32>\n"
      "%s3 = tensor.expand_shape %stack [[0, 1], [2]] output_shape [3, 12, 4] "
      ": tensor<36x4xf32> into tensor<3x12x4xf32>\n"
      "%one = tensor.extract_slice %s3[1, 0, 0] [1, 12, 4] [1, 1, 1] : "
      "tensor<3x12x4xf32> to tensor<12x4xf32>\n"
      "%f = tensor.collapse_shape %one [[0, 1]] : tensor<12x4xf32> into "
      "tensor<48xf32>\n"
      "%m = tensor.expand_shape %f [[0, 1]] output_shape [6, 8] : "
      "tensor<48xf32> into tensor<6x8xf32>\n"
      "%y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %m : "
      "tensor<5x8xf32>, tensor<6x8xf32>) outs(%zero : tensor<5x6xf32>) -> "
      "tensor<5x6xf32>\n");
  check();
}

TEST_F(Raise, TakesGenericsOfSeveralLoops) {
  // x as [5, 2, 4], W as [3, 2, 2, 4]: y[a, m, b] = Σ x[m, c, d] W[a, b, c, d].
  add("%x3 = tensor.expand_shape %x [[0], [1, 2]] output_shape [5, 2, 4] : "
      "tensor<5x8xf32> into tensor<5x2x4xf32>\n"
      "%w4 = tensor.expand_shape %w [[0, 1], [2, 3]] output_shape [3, 2, 2, 4]"
      " : tensor<6x8xf32> into tensor<3x2x2x4xf32>\n"
      "%z = arith.constant dense<0.0> : tensor<3x5x2xf32>\n"
      "%r = linalg.generic {indexing_maps = [affine_map<(m, a, b, c, d) -> (a, "
      "b, c, d)>, affine_map<(m, a, b, c, d) -> (m, c, d)>, affine_map<(m, a, "
      "b, c, d) -> (a, m, b)>], iterator_types = [\"parallel\", \"parallel\", "
      "\"parallel\", \"reduction\", \"reduction\"]} ins(%w4, %x3 : "
      "tensor<3x2x2x4xf32>, tensor<5x2x4xf32>) outs(%z : tensor<3x5x2xf32>) {\n"
      "^bb0(%p: f32, %q: f32, %o: f32):\n %m = arith.mulf %q, %p : f32\n %s = "
      "arith.addf %m, %o : f32\n linalg.yield %s : f32\n} -> "
      "tensor<3x5x2xf32>\n"
      "%y = tensor.collapse_shape %r [[0, 1], [2]] : tensor<3x5x2xf32> into "
      "tensor<15x2xf32>\n",
      "15x2");
  // x read by columns.
  add("%e = tensor.empty() : tensor<8x5xf32>\n"
      "%t = linalg.transpose ins(%x : tensor<5x8xf32>) outs(%e : "
      "tensor<8x5xf32>) permutation = [1, 0]\n"
      "%y = linalg.matmul indexing_maps = [#km, #kn, #mn] ins(%t, %wt : "
      "tensor<8x5xf32>, tensor<8x6xf32>) outs(%zero : tensor<5x6xf32>) -> "
      "tensor<5x6xf32>\n");
  check();
}

TEST_F(Raise, TakesConvolutionsOfOnePixel) {
  for (bool channelsFirst : {false, true}) {
    const std::string in = channelsFirst ? "1x8x5x1" : "1x5x1x8",
                      out = channelsFirst ? "1x6x5x1" : "1x5x1x6",
                      kernel = channelsFirst ? "6x8x1x1" : "1x1x8x6";
    std::string body;
    if (channelsFirst)
      body +=
          "%e = tensor.empty() : tensor<8x5xf32>\n"
          "%xt = linalg.transpose ins(%x : tensor<5x8xf32>) outs(%e : "
          "tensor<8x5xf32>) permutation = [1, 0]\n"
          "%x4 = tensor.expand_shape %xt [[0, 1], [2, 3]] output_shape [1, "
          "8, 5, 1] : tensor<8x5xf32> into tensor<1x8x5x1xf32>\n"
          "%k = tensor.expand_shape %w [[0], [1, 2, 3]] output_shape [6, 8, "
          "1, 1] : tensor<6x8xf32> into tensor<6x8x1x1xf32>\n";
    else
      body += "%x4 = tensor.expand_shape %x [[0, 1, 2], [3]] output_shape [1, "
              "5, 1, 8] : tensor<5x8xf32> into tensor<1x5x1x8xf32>\n"
              "%k = tensor.expand_shape %wt [[0, 1, 2], [3]] output_shape [1, "
              "1, 8, 6] : tensor<8x6xf32> into tensor<1x1x8x6xf32>\n";
    body += "%z = arith.constant dense<0.0> : tensor<" + out +
            "xf32>\n%p = linalg.conv_2d_" +
            (channelsFirst ? "nchw_fchw" : "nhwc_hwcf") +
            " ins(%x4, %k : tensor<" + in + "xf32>, tensor<" + kernel +
            "xf32>) outs(%z : tensor<" + out + "xf32>) -> tensor<" + out +
            "xf32>\n";
    if (channelsFirst)
      body += "%y = tensor.collapse_shape %p [[0, 1], [2, 3]] : "
              "tensor<1x6x5x1xf32> into tensor<6x5xf32>\n";
    else
      body += "%y = tensor.collapse_shape %p [[0, 1, 2], [3]] : "
              "tensor<1x5x1x6xf32> into tensor<5x6xf32>\n";
    add(body, channelsFirst ? "6x5" : "5x6");
  }
  check();
}

TEST_F(Raise, FoldsBiases) {
  const std::string matmul =
      "%p = linalg.matmul ins(%x, %wt : tensor<5x8xf32>, tensor<8x6xf32>) "
      "outs(%zero : tensor<5x6xf32>) -> tensor<5x6xf32>\n";
  add(matmul + "%e = tensor.empty() : tensor<5x6xf32>\n"
               "%y = linalg.generic {indexing_maps = [#ij, #j, #ij], "
               "iterator_types = [\"parallel\", \"parallel\"]} ins(%p, %b : "
               "tensor<5x6xf32>, tensor<6xf32>) outs(%e : tensor<5x6xf32>) {\n"
               "^bb0(%i: f32, %j: f32, %o: f32):\n %s = arith.addf %i, %j : "
               "f32\n linalg.yield %s : f32\n} -> tensor<5x6xf32>\n");
  add(matmul + "%e = tensor.empty() : tensor<5x6xf32>\n"
               "%r = linalg.broadcast ins(%b : tensor<6xf32>) outs(%e : "
               "tensor<5x6xf32>) dimensions = [0]\n"
               "%y = arith.addf %r, %p : tensor<5x6xf32>\n");
  add("%e = tensor.empty() : tensor<5x6xf32>\n"
      "%r = linalg.broadcast ins(%b : tensor<6xf32>) outs(%e : "
      "tensor<5x6xf32>) dimensions = [0]\n"
      "%y = linalg.matmul ins(%x, %wt : tensor<5x8xf32>, tensor<8x6xf32>) "
      "outs(%r : tensor<5x6xf32>) -> tensor<5x6xf32>\n");
  check();
}

TEST_F(Raise, TakesTosa) {
  add("%s = tosa.const_shape {values = dense<[1, 5, 8]> : tensor<3xindex>} : "
      "() -> !tosa.shape<3>\n"
      "%x3 = tosa.reshape %x, %s : (tensor<5x8xf32>, !tosa.shape<3>) -> "
      "tensor<1x5x8xf32>\n"
      "%ws = tosa.const_shape {values = dense<[1, 6, 8]> : tensor<3xindex>} : "
      "() -> !tosa.shape<3>\n"
      "%w3 = tosa.reshape %w, %ws : (tensor<6x8xf32>, !tosa.shape<3>) -> "
      "tensor<1x6x8xf32>\n"
      "%t = tosa.transpose %w3 {perms = array<i32: 0, 2, 1>} : "
      "(tensor<1x6x8xf32>) -> tensor<1x8x6xf32>\n"
      "%zp = \"tosa.const\"() {values = dense<0.0> : tensor<1xf32>} : () -> "
      "tensor<1xf32>\n"
      "%p = tosa.matmul %x3, %t, %zp, %zp : (tensor<1x5x8xf32>, "
      "tensor<1x8x6xf32>, tensor<1xf32>, tensor<1xf32>) -> "
      "tensor<1x5x6xf32>\n"
      "%bias = \"tosa.const\"() {values = dense<2.5> : tensor<1x1x6xf32>} : () "
      "-> tensor<1x1x6xf32>\n"
      "%r = tosa.add %p, %bias : (tensor<1x5x6xf32>, tensor<1x1x6xf32>) -> "
      "tensor<1x5x6xf32>\n"
      "%ys = tosa.const_shape {values = dense<[5, 6]> : tensor<2xindex>} : () "
      "-> !tosa.shape<2>\n"
      "%y = tosa.reshape %r, %ys : (tensor<1x5x6xf32>, !tosa.shape<2>) -> "
      "tensor<5x6xf32>\n");
  add("%s = tosa.const_shape {values = dense<[1, 5, 1, 8]> : tensor<4xindex>} "
      ": () -> !tosa.shape<4>\n"
      "%x4 = tosa.reshape %x, %s : (tensor<5x8xf32>, !tosa.shape<4>) -> "
      "tensor<1x5x1x8xf32>\n"
      "%ws = tosa.const_shape {values = dense<[6, 1, 1, 8]> : tensor<4xindex>} "
      ": () -> !tosa.shape<4>\n"
      "%w4 = tosa.reshape %w, %ws : (tensor<6x8xf32>, !tosa.shape<4>) -> "
      "tensor<6x1x1x8xf32>\n"
      "%zp = \"tosa.const\"() {values = dense<0.0> : tensor<1xf32>} : () -> "
      "tensor<1xf32>\n"
      "%p = tosa.conv2d %x4, %w4, %b, %zp, %zp {acc_type = f32, dilation = "
      "array<i64: 1, 1>, pad = array<i64: 0, 0, 0, 0>, stride = array<i64: 1, "
      "1>} : (tensor<1x5x1x8xf32>, tensor<6x1x1x8xf32>, tensor<6xf32>, "
      "tensor<1xf32>, tensor<1xf32>) -> tensor<1x5x1x6xf32>\n"
      "%ys = tosa.const_shape {values = dense<[5, 6]> : tensor<2xindex>} : () "
      "-> !tosa.shape<2>\n"
      "%y = tosa.reshape %p, %ys : (tensor<1x5x1x6xf32>, !tosa.shape<2>) -> "
      "tensor<5x6xf32>\n");
  // The bias behind a reshape, as torch-mlir writes it.
  add("%s = tosa.const_shape {values = dense<[1, 5, 8]> : tensor<3xindex>} : "
      "() -> !tosa.shape<3>\n"
      "%x3 = tosa.reshape %x, %s : (tensor<5x8xf32>, !tosa.shape<3>) -> "
      "tensor<1x5x8xf32>\n"
      "%ws = tosa.const_shape {values = dense<[1, 8, 6]> : tensor<3xindex>} : "
      "() -> !tosa.shape<3>\n"
      "%w3 = tosa.reshape %wt, %ws : (tensor<8x6xf32>, !tosa.shape<3>) -> "
      "tensor<1x8x6xf32>\n"
      "%zp = \"tosa.const\"() {values = dense<0.0> : tensor<1xf32>} : () -> "
      "tensor<1xf32>\n"
      "%p = tosa.matmul %x3, %w3, %zp, %zp : (tensor<1x5x8xf32>, "
      "tensor<1x8x6xf32>, tensor<1xf32>, tensor<1xf32>) -> "
      "tensor<1x5x6xf32>\n"
      "%ys = tosa.const_shape {values = dense<[5, 6]> : tensor<2xindex>} : () "
      "-> !tosa.shape<2>\n"
      "%r = tosa.reshape %p, %ys : (tensor<1x5x6xf32>, !tosa.shape<2>) -> "
      "tensor<5x6xf32>\n"
      "%bias = \"tosa.const\"() {values = dense<2.5> : tensor<1x6xf32>} : () "
      "-> "
      "tensor<1x6xf32>\n"
      "%y = tosa.add %r, %bias : (tensor<5x6xf32>, tensor<1x6xf32>) -> "
      "tensor<5x6xf32>\n");
  check("func.func(tosa-to-linalg-named,tosa-to-linalg,tosa-to-arith,"
        "tosa-to-tensor,canonicalize)");
}

TEST_F(Raise, RecognizesNormsAndGatesInFrontOfLinears) {
  const std::string matmul =
      "%y = linalg.matmul ins(%n, %wt : tensor<5x8xf32>, tensor<8x6xf32>) "
      "outs(%zero : tensor<5x6xf32>) -> tensor<5x6xf32>\n";
  const std::string parallel =
      "iterator_types = [\"parallel\", \"parallel\"]} ";
  // x + x stands for a residual; each step is an op, as torch-mlir writes it.
  add("%h = arith.addf %x, %x : tensor<5x8xf32>\n"
      "%z = arith.constant 0.0 : f32\n"
      "%k = arith.constant 8.0 : f32\n"
      "%eps = arith.constant 0.25 : f32\n"
      "%g = arith.constant dense<[1.0, 0.5, 2.0, 1.5, -1.0, 1.0, 3.0, 0.25]> "
      ": tensor<8xf32>\n"
      "%e8 = tensor.empty() : tensor<5x8xf32>\n"
      "%e1 = tensor.empty() : tensor<5x1xf32>\n"
      "%z1 = linalg.fill ins(%z : f32) outs(%e1 : tensor<5x1xf32>) -> "
      "tensor<5x1xf32>\n"
      "%s = linalg.generic {indexing_maps = [#ij, affine_map<(i, j) -> (i, "
      "0)>], iterator_types = [\"parallel\", \"reduction\"]} ins(%h : "
      "tensor<5x8xf32>) outs(%z1 : tensor<5x1xf32>) {\n^bb0(%i: f32, %o: "
      "f32):\n %q = arith.mulf %i, %i : f32\n %t = arith.addf %q, %o : f32\n "
      "linalg.yield %t : f32\n} -> tensor<5x1xf32>\n"
      "%r = linalg.generic {indexing_maps = [#ij, #ij], " +
      parallel +
      "ins(%s : tensor<5x1xf32>) outs(%e1 : tensor<5x1xf32>) {\n^bb0(%i: f32, "
      "%o: f32):\n %a = arith.divf %i, %k : f32\n %b2 = arith.addf %a, %eps : "
      "f32\n %c = math.rsqrt %b2 : f32\n linalg.yield %c : f32\n} -> "
      "tensor<5x1xf32>\n"
      "%m = linalg.generic {indexing_maps = [#ij, affine_map<(i, j) -> (i, "
      "0)>, #ij], " +
      parallel +
      "ins(%h, %r : tensor<5x8xf32>, tensor<5x1xf32>) outs(%e8 : "
      "tensor<5x8xf32>) {\n^bb0(%i: f32, %j: f32, %o: f32):\n %a = arith.mulf "
      "%i, %j : f32\n linalg.yield %a : f32\n} -> tensor<5x8xf32>\n"
      "%n = linalg.generic {indexing_maps = [#ij, #j, #ij], " +
      parallel +
      "ins(%m, %g : tensor<5x8xf32>, tensor<8xf32>) outs(%e8 : "
      "tensor<5x8xf32>) {\n^bb0(%i: f32, %j: f32, %o: f32):\n %a = arith.mulf "
      "%i, %j : f32\n linalg.yield %a : f32\n} -> tensor<5x8xf32>\n" +
      matmul);
  // silu(u) · x in one generic.
  add("%u = arith.addf %x, %x : tensor<5x8xf32>\n"
      "%one = arith.constant 1.0 : f32\n"
      "%e8 = tensor.empty() : tensor<5x8xf32>\n"
      "%n = linalg.generic {indexing_maps = [#ij, #ij, #ij], " +
      parallel +
      "ins(%u, %x : tensor<5x8xf32>, tensor<5x8xf32>) outs(%e8 : "
      "tensor<5x8xf32>) {\n^bb0(%i: f32, %j: f32, %o: f32):\n %a = arith.negf "
      "%i : f32\n %c = math.exp %a : f32\n %d = arith.addf %c, %one : f32\n %f "
      "= arith.divf %i, %d : f32\n %p = arith.mulf %f, %j : f32\n linalg.yield "
      "%p : f32\n} -> tensor<5x8xf32>\n" +
      matmul);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(maps + text, &context);
  ASSERT_TRUE(module);
  mlir::OwningOpRef<mlir::ModuleOp> raised = module->clone();
  ASSERT_TRUE(runPipeline(*raised, "raise-to-qopt"));
  int norms = 0, gates = 0, generics = 0;
  raised->walk([&](mlir::Operation *op) {
    norms += mlir::isa<llm::RmsNormOp>(op);
    gates += mlir::isa<llm::GatedOp>(op);
    generics += mlir::isa<mlir::linalg::LinalgOp>(op);
  });
  EXPECT_EQ(norms, 1);
  EXPECT_EQ(gates, 1);
  EXPECT_EQ(generics, 0);
  Interpreter interpreter(*raised, std::make_shared<QuantizationContext>(
                                       QuantizationContext::Options()));
  LinalgJit original(*module);
  for (const char *name : {"f0", "f1"}) {
    SCOPED_TRACE(name);
    Tensor x = randomTensor(5, 8, 77);
    auto program =
        interpreter.prepare(raised->lookupSymbol<mlir::func::FuncOp>(name));
    ASSERT_TRUE(program) << program.error().message;
    auto result = interpreter.runToTensor(*program, {x});
    ASSERT_TRUE(result) << result.error().message;
    expectNear(*result, original.run(name, x));
  }
}
