//===- TypeRules.cpp - types by name, and for the names they match --------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "TypeRules.h"

#include "qopt/Formats/Mix.h"
#include "qopt/Numerics/Grid.h"

#include <cctype>
#include <regex>

using namespace qopt;
using namespace qopt::detail;

/// The letters and digits of a name, in lower case: "q4km" of "Q4_K_M".
static std::string lettersAndDigits(std::string_view name) {
  std::string result;
  for (unsigned char letter : name)
    if (std::isalnum(letter))
      result += char(std::tolower(letter));
  return result;
}

/// How qopt spells a type or mix that others spell like this, or "". A name
/// with another digit is another type, so it is not enough to be similar.
static std::string_view spellingOf(std::string_view name) {
  const std::string wanted = lettersAndDigits(name);
  for (const Mix &mix : mixes())
    if (lettersAndDigits(mix.name) == wanted)
      return mix.name;
  for (const FormatRow &format : formatTable())
    if (lettersAndDigits(format.name) == wanted)
      return format.name;
  return "";
}

Result<NamedType> qopt::detail::parseTypeName(std::string_view name,
                                              std::string_view flag,
                                              int64_t group, bool symmetric) {
  if (name.size() == 4 && name.starts_with("int") && name[3] >= '2' &&
      name[3] <= '8') {
    GroupedScheme scheme{name[3] - '0', group, symmetric};
    QOPT_CHECK(checkScheme(scheme));
    return scheme;
  }
  if (const FormatRow *format = findFormat(name))
    return format;
  if (std::string_view spelled = spellingOf(name); !spelled.empty())
    return usageError(flag, " ", name, " is unknown; it is spelled ", spelled);
  return usageError(flag, " ", name,
                    " is unknown; there are int2 to int8 and the GGUF types, "
                    "as q4_0 and q6_k; --type also takes the mixes of "
                    "llama-quantize, as q4_k_m");
}

struct TypeRules::Rule {
  std::string text;
  std::regex pattern;
  NamedType type;
  bool used = false;
};

TypeRules::TypeRules() = default;
TypeRules::TypeRules(TypeRules &&) noexcept = default;
TypeRules &TypeRules::operator=(TypeRules &&) noexcept = default;
TypeRules::~TypeRules() = default;

/// The standard library's matcher recurses; names of tensors are short.
static constexpr size_t kLongestName = 256;

Result<TypeRules> TypeRules::parse(const std::vector<std::string> &texts,
                                   int64_t group, bool symmetric) {
  TypeRules result;
  for (const std::string &text : texts) {
    size_t split = text.rfind('=');
    if (split == text.npos || split == 0 || split > kLongestName)
      return usageError("--tensor-type ", text,
                        " is not REGEX=TYPE, as ffn_down=q6_k");
    QOPT_ASSIGN(NamedType type,
                parseTypeName(std::string_view(text).substr(split + 1),
                              "--tensor-type: type", group, symmetric));
    try {
      result.rules.push_back({text, std::regex(text.substr(0, split)), type});
    } catch (const std::regex_error &error) {
      return usageError("--tensor-type ", text,
                        ": no regular expression: ", error.what());
    }
  }
  return result;
}

std::optional<NamedType>
TypeRules::match(const std::vector<std::string> &names) {
  for (Rule &rule : rules)
    for (const std::string &name : names)
      if (name.size() <= kLongestName &&
          std::regex_search(name, rule.pattern)) {
        rule.used = true;
        return rule.type;
      }
  return std::nullopt;
}

Status TypeRules::checkAllUsed(const std::vector<std::string> &names) const {
  for (const Rule &rule : rules) {
    if (rule.used)
      continue;
    // A rule may also be hidden by those before it.
    for (const std::string &name : names)
      if (name.size() <= kLongestName && std::regex_search(name, rule.pattern))
        return usageError("--tensor-type ", rule.text, ": what it matches, as ",
                          name, ", is matched by an earlier --tensor-type");
    std::string some;
    for (size_t i = 0; i < std::min<size_t>(names.size(), 3); ++i)
      some += (i == 0 ? "" : ", ") + names[i];
    return usageError("--tensor-type ", rule.text,
                      ": matches no tensor that can be quantized; there are ",
                      some, ", …");
  }
  return {};
}
