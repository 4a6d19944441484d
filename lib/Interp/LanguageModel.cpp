//===- LanguageModel.cpp - tokens in, logits out --------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Interp/LanguageModel.h"
#include "Program.h"

#include "qopt/Dialect/LLM/LLMOps.h"

using namespace mlir;
using namespace qopt;

Result<func::FuncOp> qopt::findEntry(ModuleOp module) {
  Attribute attribute = module->getAttr(llm::LLMDialect::kEntry);
  if (!attribute)
    return func::FuncOp();
  auto symbol = dyn_cast<FlatSymbolRefAttr>(attribute);
  auto entry = symbol ? module.lookupSymbol<func::FuncOp>(symbol.getValue())
                      : func::FuncOp();
  if (!entry || entry.isExternal())
    return badInput(locationText(module.getLoc()), ": ",
                    llm::LLMDialect::kEntry.str(),
                    " names no function with a body");
  auto isTensor = [](Type type, int64_t rank, auto isElement) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.getRank() == rank &&
           isElement(tensor.getElementType());
  };
  auto isI32 = [](Type type) { return type.isInteger(32); };
  auto isF32 = [](Type type) { return type.isF32(); };
  FunctionType type = entry.getFunctionType();
  if (type.getNumInputs() != 3 || type.getNumResults() != 1 ||
      !isTensor(type.getInput(0), 1, isI32) ||
      !isTensor(type.getInput(1), 1, isI32) ||
      !isa<llm::KVCacheType>(type.getInput(2)) ||
      !isTensor(type.getResult(0), 2, isF32) ||
      cast<RankedTensorType>(type.getResult(0)).isDynamicDim(1))
    return tl::unexpected(
        errorAt(entry, "the entry of a model has the type (tensor<?xi32>, "
                       "tensor<?xi32>, !llm.kv_cache) -> tensor<?xVxf32>"));
  return entry;
}

Result<LanguageModel> LanguageModel::create(Interpreter &interpreter) {
  ModuleOp module = interpreter.module();
  QOPT_ASSIGN(func::FuncOp entry, findEntry(module));
  if (!entry)
    return badInput(locationText(module.getLoc()),
                    ": the module holds no model: it has no ",
                    llm::LLMDialect::kEntry.str());
  LanguageModel model;
  model.runner = &interpreter;
  QOPT_ASSIGN(model.program, interpreter.prepare(entry));
  model.vocabulary =
      cast<RankedTensorType>(entry.getResultTypes().front()).getDimSize(1);
  if (auto config =
          module->getAttrOfType<DictionaryAttr>(llm::LLMDialect::kConfig))
    if (auto length = config.getAs<IntegerAttr>("max_position_embeddings"))
      model.context = length.getInt();
  return model;
}

Result<Tensor> LanguageModel::logits(std::vector<int32_t> tokens,
                                     KvCache &cache,
                                     std::vector<int64_t> counts) {
  Indices positions = cache.beginCall(std::move(counts));
  if (positions->size() != tokens.size())
    return internalError("the sequences have ", positions->size(),
                         " new rows, but there are ", tokens.size(), " tokens");
  return runner->runToTensor(
      program, {makeIndices(std::move(tokens)), std::move(positions), &cache});
}

int64_t TokenModel::rowsPerBatch() const {
  constexpr int64_t logitBytes = int64_t(128) << 20, mostRows = 2048;
  return std::clamp<int64_t>(logitBytes / (vocabularySize() * sizeof(float)), 1,
                             mostRows);
}

Result<Tensor>
LanguageModel::windowLogits(std::span<const std::vector<int32_t>> windows) {
  std::vector<int32_t> tokens;
  std::vector<int64_t> counts;
  for (const std::vector<int32_t> &window : windows) {
    tokens.insert(tokens.end(), window.begin(), window.end());
    counts.push_back(window.size());
  }
  KvCache cache(counts.size());
  return logits(std::move(tokens), cache, std::move(counts));
}

Result<std::vector<float>>
LanguageModel::append(std::span<const int32_t> tokens) {
  QOPT_ASSIGN(Tensor all, logits({tokens.begin(), tokens.end()}, sequence,
                                 {int64_t(tokens.size())}));
  std::span<const float> last = all.row(all.rows() - 1);
  return std::vector<float>(last.begin(), last.end());
}
