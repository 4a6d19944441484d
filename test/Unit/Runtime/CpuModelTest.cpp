// The CPU runtime under a program written by hand: keys, queries and values are
// tables of embeddings, so that attention and rope can be compared with the
// reference on any sequence.
#include "Cpu/CpuModel.h"

#include "qopt/Numerics/Ops.h"
#include "qopt/Numerics/Random.h"
#include "qopt/Numerics/RopeScaling.h"

#include <gtest/gtest.h>

using namespace qopt;
using namespace qopt::runtime;

namespace {

constexpr int64_t vocabulary = 96; // also the channels of a query, and so of y

struct Shape {
  int64_t heads, kvHeads, headDim, window;
  float softcap;
  int64_t queryColumns() const { return heads * headDim; }
  int64_t kvColumns() const { return kvHeads * headDim; }
};
Shape shape; // of the program below

void forward(const QoptRtCall *call, int64_t thread) {
  const int64_t rows = call->rows, columns = shape.queryColumns();
  float *query = call->arena, *key = query + columns * rows;
  float *value = key + shape.kvColumns() * rows;
  float *y = value + shape.kvColumns() * rows;
  const int64_t f32 = 0;
  qopt_rt_embedding(call, thread, call->weights[0], f32, columns, 1, query);
  qopt_rt_embedding(call, thread, call->weights[1], f32, shape.kvColumns(), 1,
                    key);
  qopt_rt_embedding(call, thread, call->weights[2], f32, shape.kvColumns(), 2,
                    value);
  qopt_rt_barrier(call, thread);
  qopt_rt_rope(call, thread, 0, query, query, columns, shape.headDim);
  qopt_rt_rope(call, thread, 0, key, key, shape.kvColumns(), shape.headDim);
  qopt_rt_barrier(call, thread);
  qopt_rt_attention(call, thread, 0, query, key, value, y, shape.heads, 0.5f,
                    shape.softcap);
  qopt_rt_barrier(call, thread);
  if (thread == 0)
    std::copy(y + (rows - call->outputRows) * columns, y + rows * columns,
              call->logits);
}

std::vector<float> randomTable(int64_t columns, uint64_t seed) {
  Random random(seed);
  std::vector<float> table(vocabulary * columns);
  for (float &x : table)
    x = float(random.uniform() * 4 - 2);
  return table;
}

class CpuModelTest : public testing::Test {
protected:
  void use(Shape wanted) {
    shape = wanted;
    ASSERT_EQ(shape.queryColumns(), vocabulary);
    tables = {randomTable(shape.queryColumns(), 1),
              randomTable(shape.kvColumns(), 2),
              randomTable(shape.kvColumns(), 3)};
    frequencies = ropeFrequencies(shape.headDim, 1e4);
    Random random(7);
    tokens.resize(200);
    for (int32_t &token : tokens)
      token = int32_t(random.next() % vocabulary);
  }

  std::string description() const {
    std::string text =
        R"({"abi": 3, "name": "t", "vocabulary": 96,
      "context": 256, "linears": 0, "arena_columns": )" +
        std::to_string(2 * (shape.queryColumns() + shape.kvColumns())) +
        R"(, "weights": [)";
    for (int i = 0; i < 3; ++i)
      text += std::string(i ? ", " : "") + R"({"tensor": ")" + char('a' + i) +
              R"(", "bytes": )" + std::to_string(tables[i].size() * 4) + "}";
    text += R"(], "caches": [{"kv_heads": )" + std::to_string(shape.kvHeads) +
            R"(, "head_dim": )" + std::to_string(shape.headDim) +
            R"(, "window": )" + std::to_string(shape.window) +
            R"(}], "ropes": [{"interleaved": false, "magnitude": 1.0,
             "original_context": 0, "frequencies": [)";
    for (size_t i = 0; i < frequencies.size(); ++i) {
      char number[32];
      std::snprintf(number, sizeof(number), "%s%.9g", i ? ", " : "",
                    double(frequencies[i]));
      text += number;
    }
    return text + "]}]}";
  }

  std::unique_ptr<CpuModel> open(CpuModel::Options options,
                                 std::string *error = nullptr) {
    std::string reason;
    auto model = CpuModel::open(
        forward, description(),
        [&](const std::string &name) {
          const std::vector<float> &table = tables[name[0] - 'a'];
          return std::string_view(reinterpret_cast<const char *>(table.data()),
                                  table.size() * 4);
        },
        options, reason);
    if (error)
      *error = reason;
    else
      EXPECT_TRUE(model) << reason;
    return model;
  }

  std::vector<float> reference(int64_t count) {
    ThreadPool pool(1);
    ComputeContext context{pool, Isa::Baseline};
    auto gather = [&](int index, int64_t columns, float factor) {
      std::vector<float> rows(count * columns);
      for (int64_t t = 0; t < count; ++t)
        for (int64_t c = 0; c < columns; ++c)
          rows[t * columns + c] =
              tables[index][tokens[t] * columns + c] * factor;
      return rows;
    };
    std::vector<float> q = gather(0, shape.queryColumns(), 1);
    std::vector<float> k = gather(1, shape.kvColumns(), 1);
    std::vector<float> v = gather(2, shape.kvColumns(), 2);
    std::vector<int32_t> positions(count);
    for (int64_t t = 0; t < count; ++t)
      positions[t] = int32_t(t);
    MutableMatrix queries(q.data(), count, shape.queryColumns());
    MutableMatrix keys(k.data(), count, shape.kvColumns());
    rope(context, queries, shape.headDim, positions, frequencies);
    rope(context, keys, shape.headDim, positions, frequencies);
    std::vector<float> y(q.size());
    attention(context, {q.data(), count, shape.queryColumns()},
              {k.data(), count, shape.kvColumns()},
              {v.data(), count, shape.kvColumns()},
              {shape.heads, shape.kvHeads, shape.headDim, 0.5f, shape.window,
               shape.softcap},
              {y.data(), count, shape.queryColumns()});
    return y;
  }

  static float largestDifference(std::span<const float> a,
                                 std::span<const float> b) {
    float most = 0;
    for (size_t i = 0; i < a.size(); ++i)
      most = std::max(most, std::abs(a[i] - b[i]));
    return most;
  }

  std::vector<std::vector<float>> tables;
  std::vector<float> frequencies;
  std::vector<int32_t> tokens;
};

const Shape shapes[] = {{6, 3, 16, 0, 0},   {6, 1, 16, 0, 0},  {4, 4, 24, 0, 0},
                        {12, 4, 8, 0, 5.f}, {6, 2, 16, 70, 0}, {2, 1, 48, 3, 0},
                        {1, 1, 96, 0, 0},   {48, 1, 2, 0, 0}};

TEST_F(CpuModelTest, PrefillAndDecodeAgreeWithTheReference) {
  for (const Shape &each : shapes)
    for (auto [type, tolerance] :
         {std::pair(CacheType::F32, 2e-5f), std::pair(CacheType::F16, 1e-2f),
          std::pair(CacheType::I8, 3e-1f)})
      for (int64_t threads : {1, 3}) {
        use(each);
        auto model = open({threads, 0, type});
        ASSERT_TRUE(model);
        const int64_t count = tokens.size();
        std::vector<float> expected = reference(count), got(expected.size());
        std::string error;
        // Pieces that begin and end inside of every kind of tile.
        int64_t done = 0;
        for (int64_t piece : {1, 1, 70, 13, 1, 64, 50}) {
          std::span<float> part(got.data() + done * vocabulary,
                                piece * vocabulary);
          ASSERT_TRUE(
              model->append({tokens.data() + done, size_t(piece)}, part, error))
              << error;
          done += piece;
        }
        ASSERT_EQ(done, count);
        EXPECT_LT(largestDifference(expected, got), tolerance)
            << each.heads << " heads of " << each.headDim;
      }
}

TEST_F(CpuModelTest, OnlyTheLastLogitsWhenAsked) {
  use(shapes[0]);
  auto model = open({2, 0, CacheType::F32});
  std::vector<float> expected = reference(tokens.size()), got(2 * vocabulary);
  std::string error;
  ASSERT_TRUE(model->append(tokens, got, error)) << error;
  EXPECT_LT(largestDifference(got, std::span(expected).last(got.size())), 2e-5);
  // Back to the middle, and the same again.
  model->rewind(100);
  ASSERT_TRUE(model->append(std::span(tokens).subspan(100), got, error));
  EXPECT_LT(largestDifference(got, std::span(expected).last(got.size())), 2e-5);
}

TEST_F(CpuModelTest, SameBitsForAnyNumberOfThreads) {
  use(shapes[4]);
  std::vector<std::vector<float>> results;
  for (int64_t threads : {1, 2, 5}) {
    auto model = open({threads, 0, CacheType::F16});
    std::string error;
    ASSERT_TRUE(model->append(
        tokens, results.emplace_back(tokens.size() * vocabulary), error));
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

TEST_F(CpuModelTest, RefusesWhatDoesNotFit) {
  use(shapes[0]);
  std::string error;
  EXPECT_FALSE(open({1, 257, CacheType::F16}, &error));
  EXPECT_EQ(error,
            "a context of 257 tokens is more than that of the model, 256");
  auto model = open({1, 8, CacheType::F16});
  std::vector<float> logits(vocabulary);
  EXPECT_FALSE(model->append(std::span(tokens).first(9), logits, error));
  EXPECT_EQ(error, "9 tokens are more than the context of 8");
  EXPECT_EQ(model->length(), 0);
  const int32_t wrong[] = {1, 96};
  EXPECT_FALSE(model->append(wrong, logits, error));
  EXPECT_EQ(error, "token 96 is outside of the 96 tokens of the model");
  tables[1].pop_back();
  std::string text = description();
  EXPECT_FALSE(CpuModel::open(
      forward, text, [](const std::string &) { return std::string_view(); }, {},
      error));
  EXPECT_NE(error.find("the weights have no tensor 'a'"), std::string::npos);
}

TEST(Description, NamesWhatIsWrong) {
  Description description;
  std::string error;
  EXPECT_FALSE(Description::parse("{", description, error));
  EXPECT_FALSE(Description::parse(R"({"abi": 99})", description, error));
  EXPECT_EQ(error, "the model was compiled for version 99 of the runtime, and "
                   "this is version 3");
  EXPECT_FALSE(Description::parse(R"({"abi": 3, "vocabulary": -3})",
                                  description, error));
  EXPECT_EQ(error, "the description of the model has no valid 'vocabulary'");
}

TEST(Team, BarriersOrderWhatThreadsWrite) {
  for (int64_t threads : {1, 2, 7}) {
    Team team(threads);
    struct Work {
      Team &team;
      std::vector<int64_t> values;
    } work{team, std::vector<int64_t>(threads, 0)};
    for (int run = 0; run < 20; ++run)
      team.run(
          [](void *argument, int64_t thread) {
            auto &[team, values] = *static_cast<Work *>(argument);
            for (int step = 0; step < 20; ++step) {
              const int64_t next = values[(thread + 1) % values.size()];
              team.barrier();
              values[thread] = next + 1;
              team.barrier();
            }
          },
          &work);
    // All started equal, so all stay equal.
    EXPECT_EQ(work.values, std::vector<int64_t>(threads, 400));
  }
}

} // namespace
