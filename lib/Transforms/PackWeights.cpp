//===- PackWeights.cpp - quantized weights into the order of kernels -----===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//   !qopt.quant<NxKxT, scheme>  ->  !qopt.packed<NxKxT, scheme, layout>
//
//===----------------------------------------------------------------------===//
#include "PassSupport.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Transforms/Passes.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/SymbolTable.h"

namespace qopt {
#define GEN_PASS_DEF_PACKWEIGHTS
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

/// Whether a weight lies as a checkpoint has it, in which no kernel reads it.
bool isInCheckpointLayout(ShapedType type) {
  auto packed = dyn_cast<PackedType>(type);
  return packed &&
         isa<GptqAttr, AwqAttr, PackQuantizedAttr>(packed.getLayout());
}

/// Packs the components of a weight's scheme.
Status packWeight(ml_program::GlobalOp global, PackedType packed,
                  QuantizationContext &services, WeightSink &sink) {
  QOPT_ASSIGN(WeightSource source,
              WeightSource::open(global, services.files()));
  WeightBytes bytes;
  for (const Component &component : packed.components())
    bytes.emplace_back(component.bytes());
  std::vector<std::span<uint8_t>> target(bytes.begin(), bytes.end());
  packed.getLayout().pack(packed.getScheme(), packed.getRows(),
                          packed.getColumns(), source.schemeComponents(),
                          target);
  return sink.store(global, std::move(bytes));
}

class PackWeightsPass : public qopt::impl::PackWeightsBase<PackWeightsPass> {
public:
  using PackWeightsBase::PackWeightsBase;

  void runOnOperation() override {
    if (failed(emitStatus(getOperation(), packAll())))
      signalPassFailure();
  }

private:
  Status packAll();
  Result<LayoutAttrInterface> chooseLayout();
};

} // namespace

Result<LayoutAttrInterface> PackWeightsPass::chooseLayout() {
  StringRef text = layout.getValue();
  if (text.empty()) {
    if (target == "cpu")
      text = "#qopt.interleaved<rows = 16>";
    else if (target == "nvptx")
      text = "#qopt.mma";
    else
      return usageError("pack-weights: target is cpu or nvptx, not '",
                        target.getValue(), "'");
  }
  auto attribute = dyn_cast_or_null<LayoutAttrInterface>(
      parseAttribute(text, &getContext()));
  if (!attribute)
    return usageError("pack-weights: '", text.str(), "' is not a layout");
  return attribute;
}

Status PackWeightsPass::packAll() {
  auto services = getQuantizationContext(getOperation());
  QOPT_ASSIGN(LayoutAttrInterface chosen, chooseLayout());
  std::vector<PlannedWeight> weights;
  for (auto global : getOperation().getOps<ml_program::GlobalOp>()) {
    auto type = dyn_cast<ShapedType>(global.getType());
    if (!type || (!isa<QuantType>(type) && !isInCheckpointLayout(type)))
      continue;
    SchemeAttrInterface scheme = weightScheme(type);
    auto explain = [&] { return emitRemark(global.getLoc(), "not packed: "); };
    if (failed(chosen.verifyLayout(explain, scheme, type.getDimSize(0),
                                   type.getDimSize(1))))
      continue;
    QOPT_ASSIGN(WeightSource source,
                WeightSource::open(global, services->files()));
    weights.push_back({global,
                       PackedType::get(&getContext(), type.getShape(),
                                       type.getElementType(), scheme, chosen),
                       source.isInline()});
  }
  QOPT_ASSIGN(WeightSink sink,
              WeightSink::create(getOperation(), weights,
                                 archivePath(archive, *services),
                                 services->files()));
  for (const PlannedWeight &weight : weights)
    QOPT_CHECK(packWeight(weight.global, cast<PackedType>(weight.type),
                          *services, sink));
  packedWeights += weights.size();
  return sink.finish(services->files());
}
