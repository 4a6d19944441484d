//===- Arguments.h - the command line of a verb -----------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// A verb declares its words and flags, each bound to a variable that holds the
// default; parsing fills them in, and `--help` prints the declarations:
//
//     std::string model, output;
//     int64_t group = 128;
//     bool overwrite = false;
//     Arguments arguments("quantize", "Quantizes the linears of a model.");
//     arguments.positional("MODEL", "checkpoint, .gguf, .mlir", model);
//     arguments.required("-o,--output", "OUT", "where to write", output);
//     arguments.option("--group", "N", "weights per scale, -1: a row", group);
//     arguments.flag("--overwrite", "replace OUT if it exists", overwrite);
//     QOPT_ASSIGN(bool proceed, arguments.parse(words));
//     if (!proceed)
//       return {}; // help was asked for and printed
//
// `--group 64`, `--group=64` and `-o OUT` are understood; `--` ends the flags.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TOOLS_ARGUMENTS_H
#define QOPT_TOOLS_ARGUMENTS_H

#include "qopt/Support/Error.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace qopt {

class Arguments {
public:
  /// `summary` is the sentence under the usage line of the help.
  Arguments(std::string_view verb, std::string_view summary)
      : verb(verb), summary(summary) {}

  /// A word that must be there, in the order of the calls.
  void positional(std::string_view name, std::string_view help,
                  std::string &target);
  /// A word that may be absent; only after the required ones.
  void optionalPositional(std::string_view name, std::string_view help,
                          std::string &target);

  /// A flag with a value. `names` are its spellings, separated by commas;
  /// `value` names the value in the help. T is std::string, int64_t, uint64_t,
  /// double, std::optional of one of them, or std::vector<std::string>, which
  /// collects the values of a flag that is given several times.
  template <typename T>
  void option(std::string_view names, std::string_view value,
              std::string_view help, T &target) {
    constexpr bool repeatable = std::is_same_v<T, std::vector<std::string>>;
    add(names, value, help, repeatable,
        [&target](std::string_view text) { return assign(text, target); });
  }
  /// The same; leaving it out is an error.
  template <typename T>
  void required(std::string_view names, std::string_view value,
                std::string_view help, T &target) {
    option(names, value, help, target);
    options.back().required = true;
  }
  /// A flag with a value that is one of `choices`, an index into them.
  void choice(std::string_view names, std::vector<std::string_view> choices,
              std::string_view help, size_t &target);
  /// A flag without a value: sets the target to `meaning`.
  template <typename T>
  void flag(std::string_view names, std::string_view help, T &target,
            bool meaning = true) {
    add(names, "", help, true, [&target, meaning](std::string_view) -> Status {
      target = meaning;
      return {};
    });
  }

  /// Usage errors name the word. False if help was printed instead.
  Result<bool> parse(std::span<char *const> words);

  /// What `--help` prints.
  std::string help() const;

private:
  using Setter = std::function<Status(std::string_view)>;
  struct Option {
    std::vector<std::string> names;
    std::string value, help;
    Setter set;
    bool required = false, given = false, repeatable = false;
    bool takesValue() const { return !value.empty(); }
    std::string spelled() const;
  };
  struct Positional {
    std::string name, help;
    std::string *target;
    bool required;
  };

  static Status assign(std::string_view text, std::string &target);
  static Status assign(std::string_view text, int64_t &target);
  static Status assign(std::string_view text, uint64_t &target);
  static Status assign(std::string_view text, double &target);
  static Status assign(std::string_view text, std::vector<std::string> &target);
  template <typename T>
  static Status assign(std::string_view text, std::optional<T> &target) {
    return assign(text, target.emplace());
  }

  void add(std::string_view names, std::string_view value,
           std::string_view help, bool repeatable, Setter set);
  Option *find(std::string_view name);
  tl::unexpected<Error> unknown(std::string_view name) const;
  template <typename... Parts>
  tl::unexpected<Error> wrong(const Parts &...parts) const {
    return usageError(parts..., " (see qopt ", verb, " --help)");
  }
  Status applyOption(std::span<char *const> words, size_t &index);

  std::string verb, summary;
  std::vector<Option> options;
  std::vector<Positional> positionals;
};

/// The candidate that is spelled most like `word`, or "" if none is close.
std::string_view nearestSpelling(std::string_view word,
                                 std::span<const std::string_view> candidates);

} // namespace qopt

#endif // QOPT_TOOLS_ARGUMENTS_H
