// An importance matrix, in the GGUF form or as .dat: what an accepted file says
// of a tensor is finite and not negative, for every way to ask.
#include "Fuzz.h"
#include "qopt/IO/ImportanceMatrix.h"

#include <cmath>

using namespace qopt;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto matrix = parseImportance({data, size}, "fuzz.gguf");
  if (!matrix) {
    fuzz::require(matrix.error().kind == ErrorKind::BadInput,
                  "a file that is refused is bad input");
    return 0;
  }
  fuzz::require(!matrix->entries().empty(), "an accepted file has entries");
  for (const ImportanceEntry &entry : matrix->entries()) {
    fuzz::require(matrix->find(entry.tensor) == &entry, "names are unique");
    const int64_t values = entry.sumSquares.size();
    fuzz::require(values > 0 && !entry.counts.empty() &&
                      values % int64_t(entry.counts.size()) == 0,
                  "counts fit sums");
    for (int64_t matrices :
         {int64_t(1), int64_t(entry.counts.size()), values}) {
      auto weights =
          matrix->weightsOf(entry.tensor, values / matrices, matrices);
      fuzz::require(weights && int64_t(weights->size()) == values,
                    "every cut into matrices has weights");
      for (float weight : *weights)
        fuzz::require(weight >= 0 && std::isfinite(weight),
                      "weights are finite and not negative");
    }
  }
  return 0;
}
