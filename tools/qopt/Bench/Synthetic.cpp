//===- Synthetic.cpp - models of random weights ---------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Bench/Synthetic.h"

#include "qopt/Formats/Mix.h"
#include "qopt/IO/Gguf.h"
#include "qopt/Import/ModelConfig.h"
#include "qopt/Numerics/Random.h"

#include <cmath>
#include <numbers>

using namespace qopt;

namespace {
struct Shape {
  std::string_view name;
  int64_t hidden, layers, heads, kvHeads, headDim, inner, vocabulary, context;
};
/// 7b is that of Llama 2 7B.
constexpr Shape shapes[] = {
    {"42m", 512, 8, 8, 8, 64, 1408, 8192, 2048},
    {"542m", 2048, 8, 32, 32, 64, 5632, 32000, 4096},
    {"7b", 4096, 32, 32, 32, 128, 11008, 32000, 4096},
};

/// What every matrix is cut from: normally distributed numbers.
std::vector<float> normalNumbers(int64_t count, float deviation) {
  Random random(1);
  std::vector<float> numbers(count);
  for (int64_t i = 0; i + 1 < count; i += 2) { // Box and Muller
    const double radius = std::sqrt(-2 * std::log(1 - random.uniform()));
    const double angle = 2 * std::numbers::pi * random.uniform();
    numbers[i] = float(deviation * radius * std::cos(angle));
    numbers[i + 1] = float(deviation * radius * std::sin(angle));
  }
  return numbers;
}

struct Plan {
  WeightId id;
  std::vector<int64_t> shape; // [rows, columns] or [length]
  GgufType type;
};
} // namespace

static Result<ModelConfig> configOf(const std::string &name) {
  std::string known;
  for (const Shape &shape : shapes) {
    known += (known.empty() ? "" : ", ") + std::string(shape.name);
    if (shape.name != name)
      continue;
    ModelConfig config;
    config.architecture = findArchitecture("llama");
    config.name = "synthetic-" + name;
    config.hiddenSize = shape.hidden;
    config.layers = shape.layers;
    config.heads = shape.heads;
    config.kvHeads = shape.kvHeads;
    config.headDim = shape.headDim;
    config.intermediateSize = shape.inner;
    config.vocabularySize = shape.vocabulary;
    config.maxPositions = shape.context;
    config.rmsNormEps = 1e-5;
    return config;
  }
  return usageError("--synthetic '", name, "' is none of ", known);
}

static Result<std::vector<Plan>> planTensors(const ModelConfig &config,
                                             const std::string &typeName) {
  const Mix *mix = findMix(typeName);
  const FormatRow *format = findFormat(typeName);
  if (!mix && !format)
    return usageError("--type '", typeName,
                      "' is neither a GGUF type nor a mix");
  MixModel model;
  model.architecture = "llama";
  model.layers = config.layers;
  model.heads = config.heads;
  model.kvHeads = config.kvHeads;
  std::vector<Plan> plans;
  auto add = [&](WeightRole role, int64_t layer) {
    Plan plan{{role, layer}, config.shapeOf(role), GgufType::F32};
    if (plan.shape.size() == 2)
      plan.type =
          fallbackType(mix ? mixType(*mix, model, plan.id.gguf(), plan.shape[1])
                           : format->type,
                       plan.shape[1]);
    plans.push_back(std::move(plan));
  };
  add(WeightRole::Embedding, 0);
  for (int64_t layer = 0; layer < config.layers; ++layer)
    for (WeightRole role : config.blockRoles())
      add(role, layer);
  add(WeightRole::OutputNorm, 0);
  add(WeightRole::Head, 0);
  return plans;
}

static GgufMetadata metadataOf(const ModelConfig &config) {
  GgufMetadata metadata;
  metadata.setString("general.architecture", "llama");
  metadata.setString("general.name", config.name);
  auto count = [&](const std::string &key, int64_t value) {
    metadata.setU32("llama." + key, uint32_t(value));
  };
  count("vocab_size", config.vocabularySize);
  count("context_length", config.maxPositions);
  count("embedding_length", config.hiddenSize);
  count("block_count", config.layers);
  count("feed_forward_length", config.intermediateSize);
  count("attention.head_count", config.heads);
  count("attention.head_count_kv", config.kvHeads);
  count("rope.dimension_count", config.headDim);
  metadata.setF32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  metadata.setF32("llama.rope.freq_base", 1e4f);
  metadata.setString("tokenizer.ggml.model", "none");
  return metadata;
}

Status qopt::writeSynthetic(const std::string &shape, const std::string &type,
                            const std::string &path, bool overwrite,
                            ThreadPool &pool, Progress &progress) {
  QOPT_ASSIGN(ModelConfig config, configOf(shape));
  QOPT_ASSIGN(std::vector<Plan> plans, planTensors(config, type));
  std::vector<GgufDeclaration> declarations;
  declarations.reserve(plans.size());
  for (const Plan &plan : plans)
    declarations.push_back(
        {plan.id.gguf(), plan.type, {plan.shape.rbegin(), plan.shape.rend()}});
  QOPT_ASSIGN(GgufWriter writer, GgufWriter::create(path, metadataOf(config),
                                                    declarations, overwrite));

  // Rows are runs of one pool of numbers, from a place that differs from piece
  // to piece.
  constexpr int64_t poolSize = 1 << 22, rowsPerPiece = 64;
  const std::vector<float> numbers =
      normalNumbers(poolSize, 0.7f / std::sqrt(float(config.hiddenSize)));
  progress.begin("writing random weights", plans.size());
  for (const Plan &plan : plans) {
    if (progress.stopped())
      return makeError(ErrorKind::Interrupted, "stopped; nothing was written");
    const std::string name = plan.id.gguf();
    if (plan.shape.size() == 1) {
      const std::vector<float> ones(plan.shape[0], 1.f);
      QOPT_CHECK(writer.write(
          name, ByteSpan(reinterpret_cast<const uint8_t *>(ones.data()),
                         ones.size() * sizeof(float))));
      progress.advance();
      continue;
    }
    const int64_t rows = plan.shape[0], columns = plan.shape[1];
    const FormatRow &format = *findFormat(plan.type);
    const int64_t pieces = (rows + rowsPerPiece - 1) / rowsPerPiece;
    std::vector<Status> outcomes(pieces);
    pool.parallelFor(pieces, [&](int64_t piece) {
      const int64_t first = piece * rowsPerPiece;
      const int64_t count = std::min(rowsPerPiece, rows - first);
      Random random(std::hash<std::string>()(name) + piece);
      const float *source =
          numbers.data() + random.next() % (poolSize - count * columns);
      std::vector<uint8_t> bytes(count * format.rowBytes(columns));
      format.encodeRows(source, nullptr, bytes.data(), count, columns);
      outcomes[piece] =
          writer.writePart(name, first * format.rowBytes(columns), bytes);
    });
    for (Status &outcome : outcomes)
      QOPT_CHECK(std::move(outcome));
    progress.advance();
  }
  progress.end();
  return writer.finish();
}
