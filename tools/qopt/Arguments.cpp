//===- Arguments.cpp - the command line of a verb -------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Arguments.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <numeric>

using namespace qopt;

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

template <typename T>
static Status parseNumber(std::string_view text, T &target,
                          std::string_view kind) {
  const char *begin = text.data(), *end = begin + text.size();
  auto [stop, failed] = std::from_chars(begin, end, target);
  if (failed != std::errc() || stop != end)
    return usageError("needs ", kind, ", not '", text, "'");
  return {};
}

Status Arguments::assign(std::string_view text, std::string &target) {
  target = text;
  return {};
}
Status Arguments::assign(std::string_view text, int64_t &target) {
  return parseNumber(text, target, "an integer");
}
Status Arguments::assign(std::string_view text, uint64_t &target) {
  return parseNumber(text, target, "an integer that is not negative");
}
Status Arguments::assign(std::string_view text, double &target) {
  return parseNumber(text, target, "a number");
}
Status Arguments::assign(std::string_view text,
                         std::vector<std::string> &target) {
  target.emplace_back(text);
  return {};
}

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

std::string Arguments::Option::spelled() const {
  std::string text;
  for (const std::string &name : names)
    text += (text.empty() ? "" : ", ") + name;
  return takesValue() ? text + " " + value : text;
}

void Arguments::positional(std::string_view name, std::string_view help,
                           std::string &target) {
  positionals.push_back({std::string(name), std::string(help), &target, true});
}

void Arguments::optionalPositional(std::string_view name, std::string_view help,
                                   std::string &target) {
  positionals.push_back({std::string(name), std::string(help), &target, false});
}

void Arguments::add(std::string_view names, std::string_view value,
                    std::string_view help, bool repeatable, Setter set) {
  Option option;
  while (!names.empty()) {
    size_t comma = std::min(names.find(','), names.size());
    option.names.emplace_back(names.substr(0, comma));
    names.remove_prefix(std::min(comma + 1, names.size()));
  }
  option.value = value;
  option.help = help;
  option.set = std::move(set);
  option.repeatable = repeatable;
  options.push_back(std::move(option));
}

void Arguments::choice(std::string_view names,
                       std::vector<std::string_view> choices,
                       std::string_view help, size_t &target) {
  std::string value;
  for (std::string_view name : choices)
    value += (value.empty() ? "" : "|") + std::string(name);
  add(names, value, help, false,
      [choices = std::move(choices), value,
       &target](std::string_view text) -> Status {
        auto found = std::ranges::find(choices, text);
        if (found == choices.end())
          return usageError("needs one of ", value, ", not '", text, "'");
        target = size_t(found - choices.begin());
        return {};
      });
}

//===----------------------------------------------------------------------===//
// Parsing
//===----------------------------------------------------------------------===//

/// The least number of letters to insert, delete or replace (Levenshtein).
static size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t(0));
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      size_t replaced = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string_view
qopt::nearestSpelling(std::string_view word,
                      std::span<const std::string_view> candidates) {
  std::string_view nearest;
  size_t best = std::max<size_t>(2, word.size() / 3) + 1;
  for (std::string_view candidate : candidates) {
    size_t distance = editDistance(word, candidate);
    if (distance < best && distance < candidate.size()) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

Arguments::Option *Arguments::find(std::string_view name) {
  for (Option &option : options)
    if (std::ranges::find(option.names, name) != option.names.end())
      return &option;
  return nullptr;
}

tl::unexpected<Error> Arguments::unknown(std::string_view name) const {
  std::vector<std::string_view> candidates;
  for (const Option &option : options)
    for (const std::string &candidate : option.names)
      if (candidate.starts_with("--")) // short names resemble everything
        candidates.push_back(candidate);
  std::string_view nearest = nearestSpelling(name, candidates);
  if (nearest.empty())
    return wrong("unknown flag '", name, "'");
  return wrong("unknown flag '", name, "', did you mean '", nearest, "'?");
}

/// Takes the flag at words[index], and its value if that is a word of its own.
Status Arguments::applyOption(std::span<char *const> words, size_t &index) {
  std::string_view word = words[index];
  size_t equals = word.find('=');
  std::string_view name = word.substr(0, equals);
  Option *option = find(name);
  if (!option)
    return unknown(name);
  if (option->given && !option->repeatable)
    return wrong("flag '", name, "' is given twice");
  option->given = true;
  std::string_view value;
  if (equals != word.npos) {
    if (!option->takesValue())
      return wrong("flag '", name, "' takes no value");
    value = word.substr(equals + 1);
  } else if (option->takesValue()) {
    // `--text --ctx 64` is a forgotten value, `--group -1` is not.
    if (index + 1 == words.size() || find(words[index + 1]))
      return wrong("flag '", name, "' needs a value: ", option->value);
    value = words[++index];
  }
  if (Status status = option->set(value); !status)
    return wrong("flag '", name, "' ", status.error().message);
  return {};
}

Result<bool> Arguments::parse(std::span<char *const> words) {
  size_t taken = 0;
  bool flagsEnded = false;
  for (size_t i = 0; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (!flagsEnded && (word == "--help" || word == "-h")) {
      std::fputs(help().c_str(), stdout);
      return false;
    }
    if (!flagsEnded && word == "--") {
      flagsEnded = true;
    } else if (!flagsEnded && word.size() > 1 && word.front() == '-') {
      QOPT_CHECK(applyOption(words, i));
    } else {
      if (taken == positionals.size())
        return wrong("unexpected argument '", word, "'");
      *positionals[taken++].target = word;
    }
  }
  if (taken < positionals.size() && positionals[taken].required)
    return wrong("needs ", positionals[taken].name, ": ",
                 positionals[taken].help);
  for (const Option &option : options)
    if (option.required && !option.given)
      return wrong("needs ", option.spelled(), ": ", option.help);
  return true;
}

//===----------------------------------------------------------------------===//
// Help
//===----------------------------------------------------------------------===//

std::string Arguments::help() const {
  std::string usage = "usage: qopt " + verb;
  std::vector<std::pair<std::string, std::string>> lines;
  for (const Positional &word : positionals) {
    usage += word.required ? " " + word.name : " [" + word.name + "]";
    lines.emplace_back(word.name, word.help);
  }
  for (const Option &option : options) {
    if (option.required)
      usage += " " + option.names.front() + " " + option.value;
    lines.emplace_back(option.spelled(), option.help);
  }
  lines.emplace_back("-h, --help", "this text");

  // The help stands beside the spelling, or below it if that is long.
  constexpr size_t column = 24;
  std::string text = usage + " [flags]\n\n" + summary + "\n\n";
  for (const auto &[spelling, help] : lines) {
    text += "  " + spelling;
    if (spelling.size() + 2 < column)
      text += std::string(column - spelling.size(), ' ');
    else
      text += "\n" + std::string(column + 2, ' ');
    text += help + "\n";
  }
  return text;
}
