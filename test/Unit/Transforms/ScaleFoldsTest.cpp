#include "qopt/Transforms/ScaleFolds.h"
#include "Interp/TestModule.h"
#include "qopt/Import/Import.h"

#include "mlir/IR/Verifier.h"

using namespace qopt;
using namespace qopt::test;

/// Folds random scales of 1/8 to 8 into all that can take them; how many folds
/// that were.
static int64_t foldRandomly(mlir::ModuleOp module, SourceFiles &files) {
  Random random(1);
  int64_t count = 0;
  WeightReads reads(module);
  for (auto function : module.getOps<mlir::func::FuncOp>())
    for (const ScaleFold &fold : findScaleFolds(function, reads).folds) {
      std::vector<float> scales(fold.scaleCount);
      for (float &scale : scales)
        scale = float(std::exp2(6 * random.uniform() - 3));
      EXPECT_TRUE(applyScales(fold, scales, module, files));
      ++count;
    }
  EXPECT_TRUE(mlir::succeeded(mlir::verify(module)));
  return count;
}

static void expectNear(const Tensor &before, const Tensor &after) {
  ASSERT_EQ(before.size(), after.size());
  float largest = 0, difference = 0;
  for (int64_t i = 0; i < before.size(); ++i) {
    largest = std::max(largest, std::fabs(before.values()[i]));
    difference =
        std::max(difference, std::fabs(before.values()[i] - after.values()[i]));
  }
  EXPECT_GT(largest, 0);
  EXPECT_LE(difference, 1e-5 * largest);
}

/// Two query heads on one value head with a bias, a norm that stores its weight
/// less one, a fused gate and up, two experts of which each token takes one.
static std::string unusualBlock() {
  std::string text = R"(
  func.func @f(%x: tensor<?x8xf32>, %kv: !llm.kv_cache) -> tensor<?x8xf32> {
    %g = ml_program.global_load_const @g : tensor<1x8xf32>
    %n1 = ml_program.global_load_const @n1 : tensor<8xf32>
    %n2 = ml_program.global_load_const @n2 : tensor<8xf32>
    %wq = ml_program.global_load_const @q : tensor<8x8xf32>
    %wk = ml_program.global_load_const @k : tensor<4x8xf32>
    %wv = ml_program.global_load_const @v : tensor<4x8xf32>
    %vb = ml_program.global_load_const @vb : tensor<4xf32>
    %wo = ml_program.global_load_const @o : tensor<8x8xf32>
    %wr = ml_program.global_load_const @r : tensor<2x8xf32>
    %wgu = ml_program.global_load_const @gu : tensor<12x8xf32>
    %w0 = ml_program.global_load_const @e0 : tensor<8x6xf32>
    %w1 = ml_program.global_load_const @e1 : tensor<8x8xf32>
    %h = llm.rms_norm %x, %n1 {eps = 1.0e-05 : f32, offset = 1.0 : f32} : tensor<?x8xf32>, tensor<8xf32>
    %q = qopt.linear %h, %wq : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    %k = qopt.linear %h, %wk : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
    %v = qopt.linear %h, %wv, %vb : tensor<?x8xf32>, tensor<4x8xf32>, tensor<4xf32> -> tensor<?x4xf32>
    %a = llm.attention %q, %k, %v, %kv {layer = 0 : i64, heads = 2 : i64, kv_heads = 1 : i64, scale = 0.5 : f32}
        : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x8xf32>
    %o = qopt.linear %a, %wo : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    %y = arith.addf %x, %o : tensor<?x8xf32>
    %m = llm.rms_norm %y, %n2 {eps = 1.0e-05 : f32} : tensor<?x8xf32>, tensor<8xf32>
    %logits = qopt.linear %m, %wr : tensor<?x8xf32>, tensor<2x8xf32> -> tensor<?x2xf32>
    %weights = llm.route %logits {normalize, top_k = 1 : i64} : tensor<?x2xf32>
    %x0 = llm.dispatch %m, %weights {expert = 0 : i64} : tensor<?x8xf32>, tensor<?x2xf32> -> tensor<?x8xf32>
    %x1 = llm.dispatch %m, %weights {expert = 1 : i64} : tensor<?x8xf32>, tensor<?x2xf32> -> tensor<?x8xf32>
    %gu = qopt.linear %x0, %wgu : tensor<?x8xf32>, tensor<12x8xf32> -> tensor<?x12xf32>
    %gate = llm.slice %gu {offset = 0 : i64} : tensor<?x12xf32> -> tensor<?x6xf32>
    %up = llm.slice %gu {offset = 6 : i64} : tensor<?x12xf32> -> tensor<?x6xf32>
    %act = llm.gated %gate, %up {activation = #llm.activation<silu>} : tensor<?x6xf32>
    %y0 = qopt.linear %act, %w0 : tensor<?x6xf32>, tensor<8x6xf32> -> tensor<?x8xf32>
    %y1 = qopt.linear %x1, %w1 : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
    %c = llm.combine %weights (%y0, %y1) : tensor<?x2xf32> -> tensor<?x8xf32>
    %z = arith.addf %y, %c : tensor<?x8xf32>
    return %z : tensor<?x8xf32>
  }
)";
  auto global = [&](const std::string &name, int64_t rows, int64_t columns) {
    std::string dims = (rows ? std::to_string(rows) + "x" : "") +
                       std::to_string(columns) + "xf32";
    std::string numbers =
        randomDense(std::max<int64_t>(rows, 1), columns, text.size());
    if (!rows) // dense<[[…]]> to dense<[…]>
      numbers = "dense<" + numbers.substr(7, numbers.size() - 9) + ">";
    text += "ml_program.global private @" + name + "(" + numbers +
            " : tensor<" + dims + ">) : tensor<" + dims + ">\n";
  };
  global("g", 1, 8);
  for (const char *name : {"n1", "n2"})
    global(name, 0, 8);
  global("vb", 0, 4);
  for (const char *name : {"q", "o", "e1"})
    global(name, 8, 8);
  for (const char *name : {"k", "v"})
    global(name, 4, 8);
  global("r", 2, 8);
  global("gu", 12, 8);
  global("e0", 8, 6);
  return text;
}

TEST(ScaleFolds, FoldingKeepsAnUnusualFunction) {
  TestModule module(unusualBlock());
  Tensor x = randomTensor(9, 8, 7);
  auto run = [&] {
    KvCache cache;
    (void)cache.beginCall({9});
    auto result = module.run({x, &cache});
    EXPECT_TRUE(result) << result.error().message;
    return *result;
  };
  Tensor before = run();
  EXPECT_EQ(
      foldRandomly(*module.module, module.interpreter->services().files()), 4);
  for (auto global : module.module->getOps<mlir::ml_program::GlobalOp>())
    module.interpreter->weights().restore(global.getSymName());
  expectNear(before, run());
}

TEST(ScaleFolds, FoldingKeepsTheLogitsOfTheDemoModel) {
  TestModule empty("module {}");
  auto imported = importModel(empty.context, QOPT_MODELS "/novella-7m");
  ASSERT_TRUE(imported) << imported.error().message;
  auto logits = [&] {
    auto services =
        std::make_shared<QuantizationContext>(QuantizationContext::Options());
    Interpreter interpreter(*imported->module, services);
    auto model = LanguageModel::create(interpreter);
    EXPECT_TRUE(model);
    std::vector<int32_t> tokens;
    for (int32_t i = 0; i < 48; ++i)
      tokens.push_back(1 + 37 * i % 4000);
    KvCache cache;
    return *model->logits(tokens, cache, {48});
  };
  Tensor before = logits();
  SourceFiles files(".");
  // Four in each block, and the norm before the head.
  EXPECT_EQ(foldRandomly(*imported->module, files), 6 * 4 + 1);
  expectNear(before, logits());
}
