//===- AssignTypes.cpp - what each weight is going to be ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     global @l0.ffn_down(…) : tensor<NxKxf16>
//  ─▶ global @l0.ffn_down(…) : tensor<NxKxf16> {qopt.scheme = #qopt.gguf<q6_k>}
//
//===----------------------------------------------------------------------===//
#include "qopt/Transforms/AssignTypes.h"
#include "PassSupport.h"
#include "TypeRules.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Dialect/QOpt/AssignedScheme.h"
#include "qopt/Formats/Mix.h"
#include "qopt/Import/Architecture.h"
#include "qopt/Transforms/Importance.h"
#include "qopt/Transforms/Passes.h"

namespace qopt {
#define GEN_PASS_DEF_ASSIGNTYPES
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;
using namespace qopt::detail;

namespace {

/// A matrix of the module that may get a type.
struct Candidate {
  ml_program::GlobalOp global;
  std::string tensor; // its name in a GGUF file, or its symbol
  int64_t columns;

  std::vector<std::string> names() const {
    std::string symbol = ml_program::GlobalOp(global).getSymName().str();
    if (symbol == tensor)
      return {symbol};
    return {tensor, symbol};
  }
};

std::vector<Candidate> matrices(ModuleOp module) {
  std::vector<Candidate> found;
  for (auto global : module.getOps<ml_program::GlobalOp>()) {
    auto type = dyn_cast<ShapedType>(global.getType());
    if (!type || !type.hasStaticShape() || type.getRank() != 2)
      continue;
    found.push_back({global, tensorName(global), type.getDimSize(1)});
  }
  return found;
}

MixModel describe(ModuleOp module, const std::vector<Candidate> &candidates) {
  MixModel model;
  auto config = module->getAttrOfType<DictionaryAttr>(llm::LLMDialect::kConfig);
  auto count = [&](StringRef key, int64_t fallback) {
    auto value = config ? config.getAs<IntegerAttr>(key) : IntegerAttr();
    return value && value.getInt() > 0 ? value.getInt() : fallback;
  };
  model.layers = count("num_hidden_layers", 0);
  model.heads = count("num_attention_heads", 1);
  model.kvHeads = count("num_key_value_heads", model.heads);
  model.experts = count("num_experts", count("num_local_experts", 0));
  if (auto name = config ? config.getAs<StringAttr>("arch") : StringAttr())
    if (const Architecture *family = findArchitecture(name.getValue()))
      model.architecture = family->ggufName;
  model.tiedEmbeddings = llvm::none_of(candidates, [](const Candidate &each) {
    return each.tensor == "output.weight";
  });
  return model;
}

/// One call of assignTypes.
class Assignment {
public:
  Assignment(ModuleOp module, const TypeRequest &request, TypeRules rules)
      : module(module), request(request), rules(std::move(rules)),
        candidates(matrices(module)), model(describe(module, candidates)) {
    model.importance = request.importance;
  }

  Result<AssignedTypes> run();

private:
  Status assignGguf(const FormatRow &base, const Mix *mix);
  Status assignGrouped(const GroupedScheme &scheme);
  Result<std::optional<NamedType>> special(const Candidate &candidate) const;
  void store(const Candidate &candidate, NamedType type);

  ModuleOp module;
  const TypeRequest &request;
  TypeRules rules;
  std::vector<Candidate> candidates;
  MixModel model;
  AssignedTypes result;
};

} // namespace

/// Writes a decision down. Rows that are not whole blocks fall back.
void Assignment::store(const Candidate &candidate, NamedType type) {
  MLIRContext *context = module.getContext();
  Attribute scheme;
  if (auto *grouped = std::get_if<GroupedScheme>(&type)) {
    scheme = GroupedAttr::get(context, *grouped);
  } else {
    const FormatRow &wanted = *std::get<const FormatRow *>(type);
    const FormatRow &row =
        *findFormat(fallbackType(wanted.type, candidate.columns));
    std::string note = str(candidate.tensor, ": rows of ", candidate.columns,
                           " are not whole blocks of ", wanted.name, "; ",
                           row.name, " instead");
    // Experts share a tensor, and a note.
    if (&row != &wanted && !llvm::is_contained(result.notes, note))
      result.notes.push_back(std::move(note));
    scheme = ggufAssignment(context, row.type);
  }
  ml_program::GlobalOp(candidate.global)->setAttr(QOptDialect::kScheme, scheme);
  ++result.weights;
}

/// What --output-tensor-type and --token-embedding-type say of a tensor.
Result<std::optional<NamedType>>
Assignment::special(const Candidate &candidate) const {
  int64_t group = request.group.value_or(128);
  bool symmetric = request.symmetric.value_or(false);
  if (!request.embeddingType.empty() && isEmbedding(candidate.tensor))
    return parseTypeName(request.embeddingType, "--token-embedding-type", group,
                         symmetric);
  if (!request.outputType.empty() && isOutput(model, candidate.tensor))
    return parseTypeName(request.outputType, "--output-tensor-type", group,
                         symmetric);
  return std::nullopt;
}

Status Assignment::assignGguf(const FormatRow &base, const Mix *mix) {
  for (const Candidate &candidate : candidates) {
    if (findWeight(ml_program::GlobalOp(candidate.global).getSymName().str()) &&
        !isQuantizable(candidate.tensor))
      continue;
    QOPT_ASSIGN(std::optional<NamedType> type, special(candidate));
    std::optional<NamedType> matched = rules.match(candidate.names());
    if (!type)
      type = matched;
    if (!type)
      type = request.pure || !mix
                 ? &base
                 : findFormat(mixType(*mix, model, candidate.tensor,
                                      candidate.columns));
    store(candidate, *type);
  }
  return {};
}

Status Assignment::assignGrouped(const GroupedScheme &scheme) {
  QOPT_ASSIGN(std::vector<ml_program::GlobalOp> linears,
              linearWeights(module, request.head));
  DenseSet<Operation *> wanted(linears.begin(), linears.end());
  for (const Candidate &candidate : candidates) {
    QOPT_ASSIGN(std::optional<NamedType> type, special(candidate));
    std::optional<NamedType> matched = rules.match(candidate.names());
    if (!type)
      type = matched;
    if (!type && wanted.contains(candidate.global))
      type = scheme;
    if (type)
      store(candidate, *type);
  }
  return {};
}

Result<AssignedTypes> Assignment::run() {
  for (auto global : module.getOps<ml_program::GlobalOp>())
    global->removeAttr(QOptDialect::kScheme);
  module->removeAttr(QOptDialect::kMix);

  const Mix *mix = findMix(request.type);
  NamedType base;
  if (mix) {
    // "q4_k" with --pure is the type of that name, "q4_k_m" the mix's base.
    base = findFormat(mix->base);
    module->setAttr(QOptDialect::kMix,
                    StringAttr::get(module.getContext(), mix->name));
  } else {
    QOPT_ASSIGN(base, parseTypeName(request.type, "--type",
                                    request.group.value_or(128),
                                    request.symmetric.value_or(false)));
  }
  if (auto *grouped = std::get_if<GroupedScheme>(&base)) {
    if (request.pure)
      return usageError("--pure goes with GGUF types; for ", request.type,
                        " say --head");
    QOPT_CHECK(assignGrouped(*grouped));
  } else {
    if (request.group || request.symmetric)
      return usageError("--type ", request.type,
                        " has a group and a grid of its own: --group, "
                        "--symmetric and --asymmetric go with int2 to int8");
    QOPT_CHECK(assignGguf(*std::get<const FormatRow *>(base), mix));
  }
  std::vector<std::string> names;
  names.reserve(candidates.size());
  for (const Candidate &candidate : candidates)
    names.push_back(candidate.tensor);
  QOPT_CHECK(rules.checkAllUsed(names));
  return std::move(result);
}

Result<AssignedTypes> qopt::assignTypes(ModuleOp module,
                                        const TypeRequest &request) {
  QOPT_ASSIGN(TypeRules rules,
              TypeRules::parse(request.tensorTypes, request.group.value_or(128),
                               request.symmetric.value_or(false)));
  return Assignment(module, request, std::move(rules)).run();
}

namespace {

class AssignTypesPass : public qopt::impl::AssignTypesBase<AssignTypesPass> {
public:
  using AssignTypesBase::AssignTypesBase;

  void runOnOperation() override {
    TypeRequest request;
    request.type = type;
    request.pure = pure;
    if (group != 0)
      request.group = group;
    if (symmetric)
      request.symmetric = true;
    request.head = head;
    request.tensorTypes = {tensorTypes.begin(), tensorTypes.end()};
    request.outputType = outputType;
    request.embeddingType = embeddingType;
    request.importance = importance;
    auto assigned = assignTypes(getOperation(), request);
    if (!assigned) {
      emitError(getOperation().getLoc()) << assigned.error().message;
      return signalPassFailure();
    }
    for (const std::string &note : assigned->notes)
      emitRemark(getOperation().getLoc()) << note;
    assignedWeights += assigned->weights;
  }
};

} // namespace
