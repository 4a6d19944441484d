// Compiled models against the interpreter: every op, sizes that are no multiple
// of any vector, one token and many.
#include "Engine/JitModel.h"
#include "Interp/TestModule.h"

#include "qopt/Interp/LanguageModel.h"

#include "mlir/Dialect/Func/Extensions/AllExtensions.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace qopt;
using namespace qopt::test;

namespace {

/// Each of the three layers ends in a norm and amplifies what the sums and the
/// polynomials of the one before round off.
constexpr double tolerance = 3e-5;
constexpr int64_t hidden = 40, inner = 33, vocabulary = 37, kvColumns = 8;

/// Writes the body of a model and the globals that it uses.
struct ModelText {
  std::string body, globals;
  int names = 0;

  std::string fresh() { return "%v" + std::to_string(names++); }
  static std::string hiddenType(int64_t columns) {
    return "tensor<?x" + std::to_string(columns) + "xf32>";
  }
  /// A weight of random numbers of the type.
  std::string weight(int64_t rows, int64_t columns,
                     const std::string &element = "f32") {
    std::string name = "w" + std::to_string(names++);
    std::string shape =
        rows ? std::to_string(rows) + "x" + std::to_string(columns)
             : std::to_string(columns);
    std::string type = "tensor<" + shape + "x" + element + ">";
    std::string values =
        randomDense(std::max<int64_t>(rows, 1), columns, names);
    if (!rows) { // a vector: without the outer brackets
      values.erase(values.find('['), 1);
      values.erase(values.rfind(']'), 1);
    }
    globals += "  ml_program.global private @" + name + "(" + values + " : " +
               type + ") : " + type + "\n";
    std::string value = fresh();
    body += "    " + value + " = ml_program.global_load_const @" + name +
            " : " + type + "\n";
    types[value] = type;
    return value;
  }
  std::string linear(const std::string &x, int64_t columns, int64_t outputs,
                     const std::string &element = "f32", bool bias = false) {
    std::string w = weight(outputs, columns, element);
    std::string b = bias ? weight(0, outputs) : "";
    std::string y = fresh();
    body += "    " + y + " = qopt.linear " + x + ", " + w +
            (bias ? ", " + b : "") + " : " + hiddenType(columns) + ", " +
            types[w] + (bias ? ", " + types[b] : "") + " -> " +
            hiddenType(outputs) + "\n";
    return y;
  }
  std::string norm(const std::string &x, int64_t columns, int64_t length,
                   const std::string &more = "") {
    std::string w = weight(0, length), y = fresh();
    body += "    " + y + " = llm.rms_norm " + x + ", " + w +
            " {eps = 1.0e-5 : f32" + more + "} : " + hiddenType(columns) +
            ", " + types[w] + "\n";
    return y;
  }
  /// The channels in another order.
  std::string permute(const std::string &x, int64_t columns) {
    std::string order;
    for (int64_t i = 0; i < columns; ++i)
      order += (i ? ", " : "") + std::to_string((7 * i + names) % columns);
    return op("qopt.permute_channels " + x + " [" + order + "]",
              hiddenType(columns));
  }
  std::string op(const std::string &text, const std::string &types) {
    std::string y = fresh();
    body += "    " + y + " = " + text + " : " + types + "\n";
    return y;
  }
  std::string finish(const std::string &result) {
    return "module attributes {llm.entry = @forward, llm.config = "
           "{max_position_embeddings = 64 : i64}} {\n" +
           globals +
           "  func.func @forward(%t: tensor<?xi32>, %pos: tensor<?xi32>, %kv: "
           "!llm.kv_cache) -> " +
           hiddenType(vocabulary) + " {\n" + body + "    return " + result +
           " : " + hiddenType(vocabulary) + "\n  }\n}\n";
  }
  std::map<std::string, std::string> types;
};

std::string everything() {
  ModelText m;
  const std::string h = ModelText::hiddenType(hidden);
  const std::string kv = ModelText::hiddenType(kvColumns);
  std::string table = m.weight(vocabulary, hidden, "f16");
  std::string x = m.op("llm.embedding %t, " + table + " {scale = 1.5 : f32}",
                       "tensor<?xi32>, " + m.types[table] + " -> " + h);
  const char *activations[] = {"silu", "gelu", "gelu_tanh"};
  for (int layer = 0; layer < 3; ++layer) {
    const std::string n = std::to_string(layer);
    std::string a =
        m.norm(x, hidden, hidden, layer ? ", offset = 1.0 : f32" : "");
    // Fused queries, keys and values, taken apart.
    std::string fused = m.linear(a, hidden, hidden + 2 * kvColumns,
                                 layer ? "bf16" : "f16", true);
    const std::string fusedType =
        ModelText::hiddenType(hidden + 2 * kvColumns) + " -> ";
    std::string q =
        m.op("llm.slice " + fused + " {offset = 0 : i64}", fusedType + h);
    std::string k =
        m.op("llm.slice " + fused + " {offset = 40 : i64}", fusedType + kv);
    std::string v =
        m.op("llm.slice " + fused + " {offset = 48 : i64}", fusedType + kv);
    q = m.norm(q, hidden, 8);
    const std::string rope =
        layer == 0   ? "{head_dim = 8 : i64, theta = 1.0e2 : f64}"
        : layer == 1 ? "{head_dim = 8 : i64, theta = 1.0e2 : f64, interleaved}"
                     : "{head_dim = 8 : i64, theta = 1.0e2 : f64, rotary_dim = "
                       "4 : i64, scaling = #llm.linear_rope<factor = 2.0>}";
    q = m.op("llm.rope " + q + ", %pos " + rope, h + ", tensor<?xi32>");
    k = m.op("llm.rope " + k + ", %pos " + rope, kv + ", tensor<?xi32>");
    std::string attended = m.op(
        "llm.attention " + q + ", " + k + ", " + v + ", %kv {layer = " + n +
            " : i64, heads = 5 : i64, kv_heads = 1 : i64, scale = 0.3 : f32" +
            (layer == 1 ? ", window = 5 : i64" : "") +
            (layer == 2 ? ", softcap = 4.0 : f32" : "") + "}",
        h + ", " + kv + ", " + kv + " -> " + h);
    if (layer == 0)
      attended = m.permute(attended, hidden);
    x = m.op("arith.addf " + x + ", " + m.linear(attended, hidden, hidden), h);
    // Act-order: of both, of one, of none.
    std::string f = m.norm(x, hidden, hidden);
    std::string g = layer == 1 ? f : m.permute(f, hidden);
    std::string gate = m.linear(g, hidden, inner),
                up = m.linear(layer == 0 ? g : f, hidden, inner);
    std::string gated =
        m.op("llm.gated " + gate + ", " + up +
                 " {activation = #llm.activation<" + activations[layer] + ">}",
             ModelText::hiddenType(inner));
    if (layer == 2)
      gated = m.permute(gated, inner);
    std::string down = m.linear(gated, inner, hidden, "f32", true);
    x = m.op("arith.addf " + x + ", " + down, h);
    x = m.op(
        "arith.subf " + x + ", " + m.op("arith.mulf " + x + ", " + down, h), h);
    x = m.norm(x, hidden, hidden);
  }
  // Three experts, of which each token takes two.
  const std::string shares = ModelText::hiddenType(3);
  std::string route = m.op("llm.route " + m.linear(x, hidden, 3) +
                               " {normalize, top_k = 2 : i64}",
                           shares);
  std::string outputs;
  for (int expert = 0; expert < 3; ++expert) {
    std::string rows = m.op("llm.dispatch " + x + ", " + route + " {expert = " +
                                std::to_string(expert) + " : i64}",
                            h + ", " + shares + " -> " + h);
    std::string made = m.linear(expert == 2 ? m.permute(rows, hidden) : rows,
                                hidden, hidden, "f32", expert == 1);
    outputs +=
        (expert ? ", " : "") + m.op("llm.gated " + made + ", " + rows +
                                        " {activation = #llm.activation<silu>}",
                                    h);
  }
  x = m.op("llm.combine " + route + " (" + outputs + ")", shares + " -> " + h);
  std::string logits =
      m.linear(m.permute(x, hidden), hidden, vocabulary, "f32", true);
  logits = m.op("llm.softcap " + logits + " {cap = 30.0 : f32}",
                ModelText::hiddenType(vocabulary));
  return m.finish(logits);
}

/// The largest difference, relative to the largest logit.
double difference(std::span<const float> expected, std::span<const float> got) {
  double most = 0, largest = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    most = std::max(most, std::abs(double(expected[i]) - got[i]));
    largest = std::max(largest, std::abs(double(expected[i])));
  }
  return most / largest;
}

struct Compiled {
  explicit Compiled(const std::string &text, JitModel::Options options = {},
                    bool exact = true)
      : module(text) {
    mlir::func::registerAllExtensions(registry);
    module.context.appendDialectRegistry(registry);
    options.exact = exact;
    Progress silent;
    auto result = JitModel::create(
        *module.module, module.interpreter->services(), options, silent);
    if (result)
      model = std::move(*result);
    else
      error = result.error().message;
  }
  mlir::DialectRegistry registry;
  TestModule module;
  std::unique_ptr<JitModel> model;
  std::string error;
};

std::vector<int32_t> someTokens(int64_t count) {
  Random random(5);
  std::vector<int32_t> tokens(count);
  for (int32_t &token : tokens)
    token = int32_t(random.next() % vocabulary);
  return tokens;
}

TEST(ModelCompiler, EveryOpAgreesWithTheInterpreter) {
  for (const char *cpu : {"host", "x86-64-v3"}) {
    JitModel::Options options;
    options.cpu = cpu;
    options.threads = 2;
    Compiled compiled(everything(), options);
    ASSERT_TRUE(compiled.model) << compiled.error;
    auto reference = LanguageModel::create(*compiled.module.interpreter);
    ASSERT_TRUE(reference);
    const std::vector<std::vector<int32_t>> windows = {
        someTokens(23), someTokens(1), someTokens(2), someTokens(64)};
    auto expected = reference->windowLogits(windows);
    auto got = compiled.model->windowLogits(windows);
    ASSERT_TRUE(expected && got);
    EXPECT_LT(difference(expected->values(), got->values()), tolerance) << cpu;

    // Token by token and in pieces, where only the last row is computed to the
    // end.
    const std::vector<int32_t> tokens = someTokens(30);
    for (auto [first, count] : {std::pair(0, 7), {7, 1}, {8, 1}, {9, 21}}) {
      auto piece = std::span(tokens).subspan(first, count);
      auto expectedRow = reference->append(piece);
      auto gotRow = compiled.model->append(piece);
      ASSERT_TRUE(expectedRow && gotRow);
      EXPECT_LT(difference(*expectedRow, *gotRow), tolerance) << first;
    }
  }
}

TEST(ModelCompiler, ProductsInHalfPrecisionKeepWhatTheWeightHas) {
  // Several parts of the columns and of the rows, and tails of both; on a
  // processor with AMX, tiles from 16 rows on.
  constexpr int64_t columns = 1100;
  for (const char *element : {"f16", "bf16"}) {
    ModelText m;
    const std::string type = ModelText::hiddenType(columns);
    std::string table = m.weight(vocabulary, columns);
    std::string x = m.op("llm.embedding %t, " + table,
                         "tensor<?xi32>, " + m.types[table] + " -> " + type);
    std::string text = m.finish(m.linear(x, columns, vocabulary, element));
    const std::string context = "max_position_embeddings = ";
    text.replace(text.find(context + "64"), context.size() + 2,
                 context + "512");
    JitModel::Options options;
    options.threads = 2;
    Compiled compiled(text, options, /*exact=*/false);
    ASSERT_TRUE(compiled.model) << compiled.error;
    auto reference = LanguageModel::create(*compiled.module.interpreter);
    ASSERT_TRUE(reference);
    for (int64_t rows : {1, 15, 16, 33, 300}) {
      const std::vector<std::vector<int32_t>> windows = {someTokens(rows)};
      auto expected = reference->windowLogits(windows);
      auto got = compiled.model->windowLogits(windows);
      ASSERT_TRUE(expected && got);
      EXPECT_LT(difference(expected->values(), got->values()), 1e-5)
          << element << ", " << rows << " rows";
    }
  }
}

TEST(ModelCompiler, ProfilesCoverAllSteps) {
  JitModel::Options options;
  options.profile = true;
  Compiled compiled(everything(), options);
  ASSERT_TRUE(compiled.model) << compiled.error;
  compiled.model->setProfiling(true);
  const auto &running = compiled.model->running();
  const std::vector<std::string> &steps = running.description().steps;
  // The program for many tokens comes first, then the one for a single token,
  // which fuses what it can.
  ASSERT_TRUE(compiled.model->append(someTokens(9)));
  const std::vector<double> many = running.stepSeconds();
  ASSERT_EQ(many.size(), steps.size());
  ASSERT_TRUE(compiled.model->append(someTokens(1)));
  const std::vector<double> both = running.stepSeconds();
  const size_t first =
      llvm::find(llvm::drop_begin(steps), steps[0]) - steps.begin();
  ASSERT_LT(first, steps.size());
  for (size_t i = 0; i < steps.size(); ++i) {
    EXPECT_EQ(many[i] > 0, i < first) << steps[i];
    EXPECT_GT(both[i], 0) << steps[i];
    EXPECT_EQ(both[i] > many[i], i >= first) << steps[i];
  }
  EXPECT_TRUE(llvm::is_contained(
      steps, "norm+qopt_linear_f32_n33_k40+linear+gated_gelu"));
  // A permutation costs a token no step of its own, and many behind a norm
  // neither.
  EXPECT_TRUE(llvm::is_contained(steps, "permute+qopt_linear_f32_n40_k40+add"));
  EXPECT_TRUE(llvm::is_contained(
      steps, "norm+permute+qopt_linear_f32_n33_k40+linear+gated_silu"));
  EXPECT_TRUE(llvm::is_contained(steps, "qopt_rms_norm_n40_3727C5AC_permuted"));
}

TEST(ModelCompiler, NamesTheOpThatIsNotCovered) {
  Compiled compiled(R"(
module attributes {llm.entry = @forward} {
  func.func @forward(%t: tensor<?xi32>, %pos: tensor<?xi32>, %kv: !llm.kv_cache) -> tensor<?x8xf32> {
    %e = ml_program.global_load_const @embed : tensor<8x8xf32>
    %x = llm.embedding %t, %e : tensor<?xi32>, tensor<8x8xf32> -> tensor<?x8xf32>
    %y = arith.negf %x : tensor<?x8xf32>
    return %y : tensor<?x8xf32>
  }
  ml_program.global private @embed(dense<1.0> : tensor<8x8xf32>) : tensor<8x8xf32>
})");
  EXPECT_FALSE(compiled.model);
  EXPECT_NE(compiled.error.find("'arith.negf': compiled code does not do this"),
            std::string::npos)
      << compiled.error;
}

} // namespace
