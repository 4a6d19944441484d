//===- Module.h - a PTX module as text is understood -----------*- C++ -*--===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The parser's result: entries with their parameters, variables and statements.
// Registers are numbered, labels resolved; opcodes are still text, which
// Decoder.h turns into Program.h's instructions for one entry.
//
//===----------------------------------------------------------------------===//
#ifndef PTX_EMU_MODULE_H
#define PTX_EMU_MODULE_H

#include "Type.h"

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace ptx {

/// What is wrong with a module, a launch or a running kernel. `line` is a line
/// of the PTX text, 0 where there is none.
struct Error : std::runtime_error {
  Error(int line, const std::string &message)
      : std::runtime_error(message), line(line) {}
  int line;
};

using Register = int32_t;

struct Operand {
  enum class Kind : uint8_t {
    Register, ///< %r1, !%p1
    Special,  ///< %tid.x
    Integer,  ///< 64-bit two's complement in `value`
    Float,    ///< the bits of an f64 in `value`
    Symbol,   ///< a variable, parameter or label
    Address,  ///< [element 0 + value], coordinates in further elements
    Vector,   ///< {a, b}
    Sink,     ///< _
  };
  Kind kind = Kind::Sink;
  bool negated = false;
  Register reg = -1;
  uint64_t value = 0;
  std::string name;
  std::vector<Operand> elements;
};

struct Statement {
  int line = 0;
  Register guard = -1;
  bool guardNegated = false;
  std::string opcode;            ///< with its modifiers: "ld.global.nc.v4.b32"
  std::vector<Operand> operands; ///< %p|%q gives two
};

enum class Space : uint8_t {
  Generic,
  Global,
  Shared,
  Local,
  Param,
  Constant,
  Cluster, ///< shared memory of any CTA of the cluster
};

struct Variable {
  std::string name;
  Space space = Space::Global;
  uint64_t address = 0; ///< offset in its space; a global's is absolute
  uint64_t bytes = 0, alignment = 1;
  std::vector<uint8_t> initial; ///< of .global and .const; may be shorter
};

struct Entry {
  std::string name;
  int line = 0;
  std::vector<Variable> parameters; ///< addresses are offsets
  std::map<std::string, Variable, std::less<>> variables; ///< shared and local
  std::vector<Type> registers;
  std::vector<std::string> registerNames;
  std::vector<Statement> statements;
  std::map<std::string, int, std::less<>> labels; ///< statement index
  unsigned requiredBlock[3] = {0, 0, 0};          ///< .reqntid, 0 if absent
  unsigned maximumThreads = 1024;                 ///< .maxntid
  unsigned requiredCluster = 0;             ///< .reqnctapercluster, 0 if absent
  uint64_t sharedBytes = 0, localBytes = 0; ///< static
  /// Of the `.extern .shared` arrays, which start after the static bytes.
  uint64_t dynamicAlignment = 16;
};

struct Module {
  std::string target;   ///< "sm_90a"
  unsigned version = 0; ///< 86 for 8.6
  std::map<std::string, Entry, std::less<>> entries;
  std::map<std::string, Variable, std::less<>> globals;
  std::map<std::string, Variable, std::less<>> shared; ///< of the module
  std::vector<std::string> lines; ///< the text, for messages

  /// The text of a line without its indentation.
  std::string_view line(int number) const;
};

/// Reads PTX ISA 7.0 to 8.7; throws Error with the line.
Module parse(std::string_view text);

} // namespace ptx

#endif // PTX_EMU_MODULE_H
