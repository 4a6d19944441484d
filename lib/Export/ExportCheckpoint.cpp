//===- ExportCheckpoint.cpp - a module as a checkpoint directory ----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Export/ExportCheckpoint.h"
#include "CheckpointConfig.h"
#include "CheckpointKinds.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Dialect/QOpt/QOptDialect.h"
#include "qopt/IO/AtomicFile.h"
#include "qopt/Support/Progress.h"

#include "llvm/Support/FormatVariadic.h"

#include <filesystem>

using namespace mlir;
using namespace qopt;
using namespace qopt::detail;
namespace fs = std::filesystem;

/// The directory must not replace one that the model is read from.
static Status checkInputs(ModuleOp module, SourceFiles &files,
                          const std::string &path) {
  std::vector<std::string> inputs;
  for (NamedAttribute attribute : module->getAttrs())
    attribute.getValue().walk([&](FileAttr file) {
      fs::path parent = fs::path(files.resolve(file.getPath())).parent_path();
      inputs.push_back(parent.empty() ? "." : parent.string());
    });
  return checkOutputIsNoInput(path, inputs);
}

namespace {

/// A run of weights that go to one file.
struct Shard {
  std::string name;
  size_t first, end; // of the weights of the plan
};

std::vector<Shard> cutShards(const CheckpointPlan &plan, int64_t most) {
  std::vector<Shard> shards;
  int64_t bytes = 0;
  for (size_t i = 0; i < plan.weights.size(); ++i) {
    int64_t own = plan.weights[i].bytes();
    if (shards.empty() || bytes + own > most) {
      shards.push_back({"", i, i});
      bytes = 0;
    }
    bytes += own;
    shards.back().end = i + 1;
  }
  for (size_t i = 0; i < shards.size(); ++i)
    shards[i].name = shards.size() == 1
                         ? "model.safetensors"
                         : llvm::formatv("model-{0,0+5}-of-{1,0+5}.safetensors",
                                         i + 1, shards.size())
                               .str();
  return shards;
}

Status writeShard(const CheckpointPlan &plan, const Shard &shard,
                  QuantizationContext &services,
                  const AtomicDirectory &directory) {
  std::vector<SafetensorsDeclaration> declarations;
  for (size_t i = shard.first; i < shard.end; ++i)
    llvm::append_range(declarations, plan.weights[i].tensors);
  QOPT_ASSIGN(SafetensorsWriter writer,
              SafetensorsWriter::create(directory.member(shard.name),
                                        declarations, {{"format", "pt"}}));
  for (size_t i = shard.first; i < shard.end; ++i) {
    if (services.progress().stopped())
      return makeError(ErrorKind::Interrupted, "stopped; nothing was written");
    const CheckpointWeight &weight = plan.weights[i];
    QOPT_ASSIGN(WeightBytes bytes, checkpointBytes(weight, services.files()));
    for (auto [tensor, content] : llvm::zip_equal(weight.tensors, bytes))
      QOPT_CHECK(writer.write(tensor.name, content));
    services.progress().advance();
  }
  return writer.finish();
}

/// model.safetensors.index.json.
std::string indexText(const CheckpointPlan &plan,
                      const std::vector<Shard> &shards) {
  int64_t total = 0;
  for (const CheckpointWeight &weight : plan.weights)
    total += weight.bytes();
  JsonWriter json(2);
  json.beginObject().key("metadata").beginObject();
  json.member("total_size", total).endObject();
  json.key("weight_map").beginObject();
  for (const Shard &shard : shards)
    for (size_t i = shard.first; i < shard.end; ++i)
      for (const SafetensorsDeclaration &tensor : plan.weights[i].tensors)
        json.member(tensor.name, shard.name);
  json.endObject().endObject();
  return json.text() + "\n";
}

} // namespace

/// The plan with zero points stored as the options say, or as they fit.
static Result<CheckpointPlan> planFor(ModuleOp module,
                                      const ExportCheckpointOptions &options) {
  QOPT_ASSIGN(CheckpointPlan plan,
              CheckpointPlan::make(module, options.format,
                                   options.zeros.value_or(GptqZeros::V1)));
  if (options.format != CheckpointFormat::Gptq || options.zeros ||
      llvm::all_of(plan.schemes(), [](const GroupedScheme &scheme) {
        return scheme.symmetric;
      }))
    return plan;
  return CheckpointPlan::make(module, options.format, GptqZeros::V2);
}

Result<std::vector<WeightRow>>
qopt::checkpointTable(ModuleOp module, const ExportCheckpointOptions &options) {
  QOPT_ASSIGN(CheckpointPlan plan, planFor(module, options));
  std::vector<WeightRow> rows;
  for (const CheckpointWeight &weight : plan.weights) {
    WeightRow row{weight.name, {}, "", false, weight.bytes()};
    ml_program::GlobalOp global = weight.global;
    row.shape = cast<ShapedType>(global.getType()).getShape().vec();
    row.quantized = weight.scheme.has_value();
    row.type = weight.scheme
                   ? GroupedAttr::get(module.getContext(), *weight.scheme)
                         .mnemonicName()
                   : StringRef(dtypeName(weight.tensors.front().dtype)).lower();
    rows.push_back(std::move(row));
  }
  return rows;
}

Status qopt::exportCheckpoint(ModuleOp module, QuantizationContext &services,
                              const std::string &path,
                              const ExportCheckpointOptions &options) {
  QOPT_CHECK(checkOutputDirectory(path, options.overwrite));
  QOPT_CHECK(checkInputs(module, services.files(), path));
  QOPT_ASSIGN(CheckpointPlan plan, planFor(module, options));
  if (options.format == CheckpointFormat::Gptq && plan.zeros == GptqZeros::V1)
    QOPT_CHECK(checkZerosFitV1(plan, services.files()));
  std::string origin = originDirectory(module, services.files());
  QOPT_ASSIGN(std::string config, checkpointConfig(module, origin, plan));

  QOPT_ASSIGN(AtomicDirectory directory,
              AtomicDirectory::create(path, options.overwrite));
  std::vector<Shard> shards = cutShards(plan, options.shardBytes);
  services.progress().begin("writing weights", plan.weights.size());
  for (const Shard &shard : shards)
    QOPT_CHECK(writeShard(plan, shard, services, directory));
  services.progress().end();
  if (shards.size() > 1)
    QOPT_CHECK(writeTextFile(directory.member("model.safetensors.index.json"),
                             indexText(plan, shards)));
  if (origin.empty())
    services.progress().note(
        "the model does not come from a checkpoint directory, so there is no "
        "tokenizer.json to copy; programs that load the result need one");
  else
    QOPT_CHECK(copyCompanions(origin, directory));
  QOPT_CHECK(
      writeTextFile(directory.member("README.md"), modelCard(module, plan)));
  QOPT_CHECK(writeTextFile(directory.member("config.json"), config));
  if (std::string_view name = checkpointKind(options.format).oldConfig;
      !name.empty()) {
    JsonWriter json(2);
    writeQuantizationConfig(plan, json);
    QOPT_CHECK(writeTextFile(directory.member(name), json.text() + "\n"));
  }
  QOPT_CHECK(directory.commit());
  for (const std::string &note : checkpointNotes(plan))
    services.progress().note(note);
  return {};
}
