//===- TypeRules.h - types by name, and for the names they match *- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_LIB_TRANSFORMS_TYPERULES_H
#define QOPT_LIB_TRANSFORMS_TYPERULES_H

#include "qopt/Formats/FormatTable.h"
#include "qopt/Formats/Grouped.h"
#include "qopt/Support/Error.h"

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace qopt::detail {

/// A type that a user names: grouped, or one of FormatTable (quantized or not).
using NamedType = std::variant<GroupedScheme, const FormatRow *>;

/// "int4", "q4_k", "bf16"; a grouped type gets the group and symmetry given.
/// Usage errors begin with `flag`.
Result<NamedType> parseTypeName(std::string_view name, std::string_view flag,
                                int64_t group, bool symmetric);

/// REGEX=TYPE rules, in the order of the command line.
class TypeRules {
public:
  static Result<TypeRules> parse(const std::vector<std::string> &texts,
                                 int64_t group, bool symmetric);
  TypeRules(TypeRules &&) noexcept;
  TypeRules &operator=(TypeRules &&) noexcept;
  ~TypeRules();

  /// Of the first rule that matches somewhere in one of the names.
  std::optional<NamedType> match(const std::vector<std::string> &names);
  /// A usage error that names a rule which has matched nothing so far, and
  /// some of the names that there are.
  Status checkAllUsed(const std::vector<std::string> &names) const;

private:
  TypeRules();
  struct Rule;
  std::vector<Rule> rules;
};

} // namespace qopt::detail

#endif // QOPT_LIB_TRANSFORMS_TYPERULES_H
