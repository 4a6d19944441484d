//===- MemoryPlan.cpp - memory that models need ---------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Transforms/MemoryPlan.h"

#include "qopt/Dialect/LLM/LLMOps.h"

#include <algorithm>

using namespace mlir;
using namespace qopt;

static constexpr int64_t batchTokens = 512, usualContext = 4096;

/// A count of llm.config, within what a product of several can hold.
static Result<int64_t> configCount(ModuleOp module, StringRef key) {
  auto config = module->getAttrOfType<DictionaryAttr>(llm::LLMDialect::kConfig);
  auto value = config ? config.getAs<IntegerAttr>(key) : IntegerAttr();
  if (!value || value.getInt() < 1 || value.getInt() > (int64_t(1) << 24))
    return badInput("llm.config has no count '", key.str(),
                    "', so the memory of a run is not known");
  return value.getInt();
}

Result<RunMemory> qopt::runMemory(ModuleOp module, int64_t weightBytes,
                                  int64_t context) {
  QOPT_ASSIGN(int64_t layers, configCount(module, "num_hidden_layers"));
  QOPT_ASSIGN(int64_t heads, configCount(module, "num_attention_heads"));
  QOPT_ASSIGN(int64_t kvHeads, configCount(module, "num_key_value_heads"));
  QOPT_ASSIGN(int64_t headDim, configCount(module, "head_dim"));
  QOPT_ASSIGN(int64_t width, configCount(module, "intermediate_size"));
  QOPT_ASSIGN(int64_t vocabulary, configCount(module, "vocab_size"));
  QOPT_ASSIGN(int64_t longest, configCount(module, "max_position_embeddings"));
  if (context == 0)
    context = std::min(usualContext, longest);
  if (context < 1 || context > longest)
    return usageError("--ctx ", context,
                      " does not fit a model with a context "
                      "of ",
                      longest);
  // In f64, which no checkpoint can overflow.
  const double cache =
      2.0 * sizeof(uint16_t) * layers * kvHeads * headDim * context;
  const double buffers =
      4.0 * batchTokens *
      std::max({double(vocabulary), double(heads) * context, 2.0 * width});
  if (cache + buffers > 1e18)
    return badInput("llm.config: a run would take ", cache + buffers, " bytes");
  return RunMemory{context, weightBytes, int64_t(cache), int64_t(buffers)};
}

int64_t qopt::encodeMemory(const std::vector<WeightRow> &rows,
                           unsigned threads) {
  constexpr int64_t rowsPerTask = 32;
  // What was measured beside the rest, for models of 1 and 7 billion weights.
  constexpr int64_t program = 40'000'000;
  int64_t largest = 0, longest = 0;
  for (const WeightRow &row : rows) {
    largest = std::max(largest, row.bytes);
    longest = std::max(longest, row.shape.empty() ? 1 : row.shape.back());
  }
  return program + largest +
         threads * rowsPerTask * longest * int64_t(sizeof(float));
}
