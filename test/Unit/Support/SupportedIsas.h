// The instruction sets that a test can run on this processor.
#ifndef QOPT_TEST_UNIT_SUPPORT_SUPPORTEDISAS_H
#define QOPT_TEST_UNIT_SUPPORT_SUPPORTEDISAS_H

#include "qopt/Support/Isa.h"

#include <vector>

namespace qopt::test {

inline std::vector<Isa> supportedIsas() {
  std::vector<Isa> result;
  for (Isa isa : {Isa::Baseline, Isa::Avx2, Isa::Avx512})
    if (isaSupported(isa))
      result.push_back(isa);
  return result;
}

} // namespace qopt::test

#endif // QOPT_TEST_UNIT_SUPPORT_SUPPORTEDISAS_H
