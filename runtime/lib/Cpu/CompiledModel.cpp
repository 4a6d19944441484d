//===- CompiledModel.cpp - what the compiler says about a model -----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "CompiledModel.h"
#include "../Json.h"

using namespace qopt::runtime;

namespace {
/// Reads members of objects; the first that is wrong becomes the error.
class Reader {
public:
  explicit Reader(std::string &error) : error(error) {}
  bool ok() const { return error.empty(); }

  int64_t count(const Json &object, std::string_view key, int64_t least,
                int64_t most) {
    const Json *value = object.find(key);
    if (value && value->kind == Json::Kind::Int && value->integer >= least &&
        value->integer <= most)
      return value->integer;
    return fail(key), least;
  }
  std::string text(const Json &object, std::string_view key) {
    const Json *value = object.find(key);
    if (value && value->kind == Json::Kind::String)
      return value->text;
    if (value)
      fail(key);
    return "";
  }
  float number(const Json &value, std::string_view key) {
    if (value.kind != Json::Kind::Int && value.kind != Json::Kind::Double)
      fail(key);
    return float(value.number);
  }
  std::vector<float> numbers(const Json &object, std::string_view key) {
    std::vector<float> result;
    for (const Json &element : elements(object, key))
      result.push_back(number(element, key));
    return result;
  }
  /// The elements of an array; none if there is no such member.
  const std::vector<Json> &elements(const Json &object, std::string_view key) {
    static const std::vector<Json> none;
    const Json *value = object.find(key);
    if (value && value->kind == Json::Kind::Array)
      return value->elements;
    if (value)
      fail(key);
    return none;
  }
  void fail(std::string_view key) {
    if (ok())
      error = "the description of the model has no valid '" + std::string(key) +
              "'";
  }

private:
  std::string &error;
};
} // namespace

bool Description::parse(std::string_view text, Description &description,
                        std::string &error) {
  Json root;
  error.clear();
  if (!Json::parse(text, root, error))
    return false;
  Reader read(error);
  const int64_t abi = read.count(root, "abi", 0, 1 << 20);
  if (read.ok() && abi != QOPT_RT_ABI) {
    error = "the model was compiled for version " + std::to_string(abi) +
            " of the runtime, and this is version " +
            std::to_string(QOPT_RT_ABI);
    return false;
  }
  constexpr int64_t most = int64_t(1) << 40;
  description = {};
  description.name = read.text(root, "name");
  description.archive = read.text(root, "archive");
  description.tokenizer = read.text(root, "tokenizer");
  description.vocabulary = read.count(root, "vocabulary", 1, 1 << 28);
  description.context = read.count(root, "context", 0, most);
  description.arenaColumns = read.count(root, "arena_columns", 0, 1 << 30);
  description.linears = read.count(root, "linears", 0, 1 << 24);
  for (const Json &weight : read.elements(root, "weights"))
    description.weights.push_back(
        {read.text(weight, "tensor"), read.count(weight, "bytes", 0, most)});
  for (const Json &cache : read.elements(root, "caches"))
    description.caches.push_back({read.count(cache, "kv_heads", 1, 1 << 16),
                                  read.count(cache, "head_dim", 1, 1 << 14),
                                  read.count(cache, "window", 0, most)});
  for (const Json &rope : read.elements(root, "ropes")) {
    RopeTable table;
    const Json *interleaved = rope.find("interleaved");
    const Json *magnitude = rope.find("magnitude");
    if (!interleaved || !magnitude) {
      read.fail("ropes");
      break;
    }
    table.interleaved = interleaved->flag;
    table.magnitude = read.number(*magnitude, "magnitude");
    table.frequencies = read.numbers(rope, "frequencies");
    table.longFrequencies = read.numbers(rope, "long_frequencies");
    table.originalContext = read.count(rope, "original_context", 0, most);
    if (!table.longFrequencies.empty() &&
        table.longFrequencies.size() != table.frequencies.size())
      read.fail("long_frequencies");
    description.ropes.push_back(std::move(table));
  }
  for (const Json &step : read.elements(root, "steps"))
    description.steps.push_back(step.text);
  return read.ok();
}
