//===- FirstError.h - errors of parallel tasks ------------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_NUMERICS_FIRSTERROR_H
#define QOPT_LIB_NUMERICS_FIRSTERROR_H

#include "qopt/Support/Error.h"

#include <optional>
#include <vector>

namespace qopt {

/// One slot per task of a parallelFor, so that the error that is reported is
/// that of the lowest task whatever the order they ran in.
class FirstError {
public:
  explicit FirstError(int64_t tasks) : slots(tasks) {}
  void set(int64_t task, Error error) { slots[task] = std::move(error); }
  Status status() && {
    for (std::optional<Error> &slot : slots)
      if (slot)
        return tl::unexpected<Error>(std::move(*slot));
    return {};
  }

private:
  std::vector<std::optional<Error>> slots;
};

} // namespace qopt

#endif // QOPT_LIB_NUMERICS_FIRSTERROR_H
