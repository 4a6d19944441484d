//===- GgufQuantize.cpp - float weights as GGUF blocks --------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//   tensor<NxKxf16>  ->  !qopt.quant<NxKxf16, #qopt.gguf<q8_0>>
//
//===----------------------------------------------------------------------===//
#include "PassSupport.h"

#include "qopt/Dialect/LLM/LLMOps.h"
#include "qopt/Numerics/GgufEncode.h"
#include "qopt/Transforms/Importance.h"
#include "qopt/Transforms/Passes.h"

namespace qopt {
#define GEN_PASS_DEF_GGUFQUANTIZE
#include "qopt/Transforms/Passes.h.inc"
} // namespace qopt

using namespace mlir;
using namespace qopt;

namespace {

class GgufQuantizePass : public qopt::impl::GgufQuantizeBase<GgufQuantizePass> {
public:
  using GgufQuantizeBase::GgufQuantizeBase;

  void runOnOperation() override {
    if (failed(emitStatus(getOperation(), quantize())))
      signalPassFailure();
  }

private:
  Status quantize() {
    const FormatRow *format = findFormat(std::string_view(type));
    if (!format || !format->quantized)
      return usageError("gguf-quantize: '", type.getValue(),
                        "' is not a quantized GGUF type");
    auto services = getQuantizationContext(getOperation());
    QOPT_ASSIGN(std::vector<SchemedWeight> weights,
                schemedWeights(getOperation(), head,
                               GgufAttr::get(&getContext(), format->type),
                               llvm::IsaPred<GgufAttr>));
    ImportanceMatrix importance;
    if (!imatrix.empty()) {
      QOPT_ASSIGN(importance, ImportanceMatrix::open(imatrix));
    }
    auto encode = [&](ml_program::GlobalOp global, const WeightSource &source,
                      SchemeAttrInterface scheme) -> Result<WeightBytes> {
      QOPT_ASSIGN(
          std::vector<float> columnWeights,
          matrixWeights(importance, tensorPlace(global), source.columns()));
      auto read = [&](int64_t first, MutableMatrix target) -> Status {
        if (services->progress().stopped())
          return makeError(ErrorKind::Interrupted, "stopped");
        return source.readRows(first, target);
      };
      QOPT_ASSIGN(std::vector<uint8_t> blocks,
                  encodeBlocks(cast<GgufAttr>(scheme).getRow(), source.rows(),
                               source.columns(), read, services->compute().pool,
                               columnWeights));
      return WeightBytes{std::move(blocks)};
    };
    encodedWeights += weights.size();
    return quantizeEachWeight(getOperation(), weights,
                              archivePath(archive, *services), *services,
                              encode);
  }
};

} // namespace
