//===- main.cpp - the command ptx-emu -------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Executes a kernel of a PTX file on the CPU and reports what a GPU would not:
//
//   ptx-emu FILE.ptx --list
//   ptx-emu FILE.ptx --entry NAME --grid X[,Y[,Z]] [--block X[,Y[,Z]]]
//           [--cluster N] [--shared BYTES] [--resident N] [--limit N]
//           [--counters[=FILE]] [--allow-undefined] ARGUMENT...
//
// The arguments are the entry's parameters in order:
//   in:FILE              a buffer with the file's bytes
//   out:FILE:BYTES       a buffer of 0xff, written to the file at the end
//   inout:FILE[:RESULT]  both; RESULT defaults to FILE
//   zero:BYTES           a buffer of zeros: workspaces and locks
//   late:BUFFER          one of these that the grid before may still use: an
//                        access that is not behind griddepcontrol.wait is an
//                        error
//   i32:V u32:V i64:V u64:V f32:V
//
// --block may be left out if the entry has .reqntid, --cluster (along x) if it
// has .reqnctapercluster or no clusters; --shared is the dynamic
// shared memory; --resident the number of CTAs that run at the same time (all).
// FILE `-` is standard input. Exit codes: 0, 1 a violation by the kernel (the
// message names line, CTA and thread), 2 usage, 3 input that cannot be read.
//
//===----------------------------------------------------------------------===//
#include "Grid.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>

using namespace ptx;

namespace {

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct InputError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Result {
  std::string file;
  uint64_t address;
};

struct Options {
  std::string file, entry, counters;
  bool list = false, count = false, hasBlock = false;
  Launch launch;
  std::vector<std::string> arguments;
};

template <typename T> T number(std::string_view text) {
  T value{};
  std::string_view digits = text;
  int base = 10;
  if constexpr (std::is_integral_v<T>)
    if (digits.starts_with("0x"))
      digits.remove_prefix(2), base = 16;
  const char *end = digits.data() + digits.size();
  std::from_chars_result result;
  if constexpr (std::is_integral_v<T>)
    result = std::from_chars(digits.data(), end, value, base);
  else
    result = std::from_chars(digits.data(), end, value);
  if (result.ec != std::errc() || result.ptr != end || digits.empty())
    throw UsageError("'" + std::string(text) + "' is not a number");
  return value;
}

void triple(std::string_view text, unsigned (&values)[3]) {
  for (unsigned i = 0; i < 3; ++i) {
    size_t comma = text.find(',');
    values[i] = text.empty() ? 1 : number<unsigned>(text.substr(0, comma));
    text = comma == text.npos ? std::string_view() : text.substr(comma + 1);
  }
  if (!text.empty())
    throw UsageError("more than three dimensions");
}

std::vector<uint8_t> readFile(const std::string &name) {
  std::ifstream stream(name, std::ios::binary);
  if (!stream)
    throw InputError("cannot read " + name);
  return {std::istreambuf_iterator<char>(stream), {}};
}

Options parseOptions(int argc, char **argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    auto value = [&](std::string_view flag) -> std::optional<std::string_view> {
      if (word == flag) {
        if (i + 1 == argc)
          throw UsageError(std::string(flag) + " lacks a value");
        return argv[++i];
      }
      if (word.starts_with(flag) && word.substr(flag.size()).starts_with("="))
        return word.substr(flag.size() + 1);
      return std::nullopt;
    };
    if (auto entry = value("--entry"))
      options.entry = *entry;
    else if (auto grid = value("--grid"))
      triple(*grid, options.launch.grid);
    else if (auto block = value("--block"))
      triple(*block, options.launch.block), options.hasBlock = true;
    else if (auto shared = value("--shared"))
      options.launch.dynamicShared = number<uint64_t>(*shared);
    else if (auto cluster = value("--cluster"))
      options.launch.cluster = number<unsigned>(*cluster);
    else if (auto resident = value("--resident"))
      options.launch.resident = number<uint64_t>(*resident);
    else if (auto limit = value("--limit"))
      options.launch.limit = number<uint64_t>(*limit);
    else if (word == "--allow-undefined")
      options.launch.allowUndefined = true;
    else if (word == "--list")
      options.list = true;
    else if (word == "--counters" || word.starts_with("--counters="))
      options.count = true,
      options.counters = word.substr(std::min<size_t>(word.size(), 11));
    else if (word.starts_with("--"))
      throw UsageError("unknown option " + std::string(word));
    else if (options.file.empty())
      options.file = word;
    else
      options.arguments.emplace_back(word);
  }
  if (options.file.empty() || (options.entry.empty() && !options.list))
    throw UsageError("usage: ptx-emu FILE.ptx --entry NAME --grid X[,Y[,Z]] "
                     "[--block X,Y,Z] [--shared BYTES] ARGUMENT...");
  return options;
}

/// Appends one argument to the parameters; buffers are added to the memory.
void addArgument(const std::string &text, Launch &launch, GlobalMemory &memory,
                 std::vector<Result> &results) {
  size_t colon = text.find(':');
  if (colon == text.npos)
    throw UsageError("argument '" + text + "' has no kind");
  std::string kind = text.substr(0, colon), rest = text.substr(colon + 1);
  if (kind == "late") {
    if (!rest.starts_with("in:") && !rest.starts_with("out:") &&
        !rest.starts_with("inout:") && !rest.starts_with("zero:"))
      throw UsageError("argument '" + rest + "' is no buffer");
    addArgument(rest, launch, memory, results);
    const uint8_t *end = launch.parameters.data() + launch.parameters.size();
    return memory.setLate(loadAs<uint64_t>(end - 8));
  }
  std::string name =
      "parameter " + std::to_string(launch.parameters.size() / 8);
  size_t last = rest.rfind(':');
  if (kind == "in") {
    launch.push(memory.add(rest, readFile(rest)));
  } else if (kind == "zero") {
    launch.push(memory.add(name, std::vector<uint8_t>(number<uint64_t>(rest))));
  } else if (kind == "out") {
    if (last == rest.npos)
      throw UsageError("out:FILE:BYTES lacks the size");
    std::string file = rest.substr(0, last);
    uint64_t address = memory.add(
        file,
        std::vector<uint8_t>(number<uint64_t>(rest.substr(last + 1)), 0xff));
    results.push_back({file, address});
    launch.push(address);
  } else if (kind == "inout") {
    std::string source = rest.substr(0, last);
    uint64_t address = memory.add(source, readFile(source));
    results.push_back(
        {last == rest.npos ? source : rest.substr(last + 1), address});
    launch.push(address);
  } else if (kind == "i32") {
    launch.push(number<int32_t>(rest));
  } else if (kind == "u32") {
    launch.push(number<uint32_t>(rest));
  } else if (kind == "i64") {
    launch.push(number<int64_t>(rest));
  } else if (kind == "u64") {
    launch.push(number<uint64_t>(rest));
  } else if (kind == "f32") {
    launch.push(number<float>(rest));
  } else {
    throw UsageError("unknown kind of argument '" + text + "'");
  }
}

void list(const Module &module) {
  for (const auto &[name, entry] : module.entries) {
    std::cout << name << "(";
    for (size_t i = 0; i < entry.parameters.size(); ++i)
      std::cout << (i ? ", " : "") << entry.parameters[i].bytes;
    std::cout << ") shared " << entry.sharedBytes << " block "
              << entry.requiredBlock[0] << "," << entry.requiredBlock[1] << ","
              << entry.requiredBlock[2] << "\n";
  }
}

void execute(const Module &module, Options &options) {
  auto entry = module.entries.find(options.entry);
  if (entry == module.entries.end())
    throw UsageError("no entry '" + options.entry + "' in " + options.file);
  Launch &launch = options.launch;
  if (!options.hasBlock && entry->second.requiredBlock[0])
    std::copy_n(entry->second.requiredBlock, 3, launch.block);
  else if (!options.hasBlock)
    throw UsageError("the entry has no .reqntid: --block is needed");
  GlobalMemory memory;
  std::vector<Result> results;
  for (const std::string &argument : options.arguments)
    addArgument(argument, launch, memory, results);
  memory.addGlobals(module);

  Program program = compile(module, entry->second);
  Counters counters(program);
  Grid(program, launch, memory, options.count ? &counters : nullptr).run();
  for (const Result &result : results) {
    std::span<uint8_t> bytes = memory.bytes(result.address);
    std::ofstream stream(result.file, std::ios::binary);
    stream.write(reinterpret_cast<const char *>(bytes.data()),
                 std::streamsize(bytes.size()));
    if (!stream.flush())
      throw InputError("cannot write " + result.file);
  }
  if (options.count && options.counters.empty())
    std::cout << counters.json();
  else if (options.count)
    std::ofstream(options.counters) << counters.json();
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  std::optional<Module> module;
  try {
    options = parseOptions(argc, argv);
    std::string text;
    if (options.file == "-") {
      text.assign(std::istreambuf_iterator<char>(std::cin), {});
    } else {
      std::vector<uint8_t> bytes = readFile(options.file);
      text.assign(bytes.begin(), bytes.end());
    }
    try {
      module = parse(text);
    } catch (const Error &error) {
      std::cerr << options.file << ":" << error.line
                << ": error: " << error.what() << "\n";
      return 3;
    }
    if (options.list)
      list(*module);
    else
      execute(*module, options);
    return 0;
  } catch (const Error &error) {
    std::cerr << options.file << ":" << error.line
              << ": error: " << error.what() << "\n";
    if (error.line)
      std::cerr << "  " << module->line(error.line) << "\n";
    return 1;
  } catch (const UsageError &error) {
    std::cerr << "ptx-emu: " << error.what() << "\n";
    return 2;
  } catch (const InputError &error) {
    std::cerr << "ptx-emu: " << error.what() << "\n";
    return 3;
  }
}
