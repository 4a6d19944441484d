//===- GgufPack.cpp - quantized weights as GGUF blocks --------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//   !qopt.quant<NxKxT, #qopt.grouped<bits = 4, group = 64, symmetric>>
//     ->  !qopt.packed<NxKxT, #qopt.gguf<q4_0>, #qopt.blocks>
//
//===----------------------------------------------------------------------===//
#include "PassSupport.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Formats/GroupedBlocks.h"
#include "qopt/Transforms/Passes.h"

namespace qopt {
#define GEN_PASS_DEF_GGUFPACK
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

/// The GGUF type for a weight of a scheme.
Result<GgufType> typeOf(SchemeAttrInterface scheme, int64_t columns) {
  if (auto gguf = dyn_cast<GgufAttr>(scheme))
    return gguf.getFormat();
  if (auto grouped = dyn_cast<GroupedAttr>(scheme))
    return blockTypeOf(grouped.getScheme(), columns);
  return badInput("no GGUF type holds scheme '", scheme.mnemonicName(),
                  "'; quantize to a grouped scheme or with gguf-quantize");
}

Result<std::vector<uint8_t>> packWeight(ml_program::GlobalOp global,
                                        const WeightSource &source) {
  if (isa<GgufAttr>(weightScheme(source.type()))) {
    ByteSpan blocks = source.schemeComponents().front();
    return std::vector<uint8_t>(blocks.begin(), blocks.end());
  }
  QOPT_ASSIGN(GroupedMatrix matrix, readGrouped(source));
  QOPT_ASSIGN(GroupedBlocks packed, packGroupedBlocks(matrix));
  if (packed.largestError > 0)
    global.emitWarning() << "@" << global.getSymName()
                         << ": minima are rounded to f16, by at most "
                         << packed.largestError;
  return std::move(packed.blocks);
}

class GgufPackPass : public qopt::impl::GgufPackBase<GgufPackPass> {
public:
  using GgufPackBase::GgufPackBase;

  void runOnOperation() override {
    if (failed(emitStatus(getOperation(), packAll())))
      signalPassFailure();
  }

private:
  Status packAll();
};

/// Prefixes an error with the weight that it is about.
tl::unexpected<Error> at(ml_program::GlobalOp global, const Error &error) {
  return makeError(error.kind, "@", global.getSymName().str(), ": ",
                   error.message);
}

} // namespace

Status GgufPackPass::packAll() {
  auto services = getQuantizationContext(getOperation());
  auto blocks = BlocksAttr::get(&getContext());
  std::vector<PlannedWeight> weights;
  std::vector<WeightSource> sources;
  for (auto global : getOperation().getOps<ml_program::GlobalOp>()) {
    SchemeAttrInterface scheme = weightScheme(global.getType());
    auto packed = dyn_cast<PackedType>(global.getType());
    if (!scheme || (packed && packed.getLayout() == blocks))
      continue;
    QOPT_ASSIGN(WeightSource source,
                WeightSource::open(global, services->files()));
    auto type = typeOf(scheme, source.columns());
    if (!type)
      return at(global, type.error());
    weights.push_back(
        {global,
         PackedType::get(&getContext(), source.type().getShape(),
                         source.type().getElementType(),
                         GgufAttr::get(&getContext(), *type), blocks),
         source.isInline()});
    sources.push_back(std::move(source));
  }
  QOPT_ASSIGN(WeightSink sink,
              WeightSink::create(getOperation(), weights,
                                 archivePath(archive, *services),
                                 services->files()));
  for (auto [weight, source] : llvm::zip_equal(weights, sources)) {
    auto packed = packWeight(weight.global, source);
    if (!packed)
      return at(weight.global, packed.error());
    QOPT_CHECK(sink.store(weight.global, {std::move(*packed)}));
  }
  packedWeights += weights.size();
  return sink.finish(services->files());
}
