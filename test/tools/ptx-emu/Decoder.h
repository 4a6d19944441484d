//===- Decoder.h - from a statement to an instruction ----------*- C++ -*--===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Each family of instructions adds its opcodes to the table. A decoder function
// consumes the modifiers that it knows, names the operands, and chooses the
// handler; a modifier that nobody consumed is an error.
//
//===----------------------------------------------------------------------===//
#ifndef PTX_EMU_DECODER_H
#define PTX_EMU_DECODER_H

#include "Program.h"

#include <initializer_list>
#include <unordered_map>

namespace ptx {

class ProgramBuilder;

class Decoder {
public:
  Decoder(ProgramBuilder &builder, const Statement &statement);

  const Statement &statement;
  Instruction result;

  std::string_view base() const { return words[0]; }

  // Modifiers.
  bool take(std::string_view modifier);
  /// The first of `choices` that is present, or "".
  std::string_view takeAny(std::initializer_list<std::string_view> choices);
  /// The first modifier that is a type, in order; fails if there is none.
  Type takeType();
  std::optional<Type> takeOptionalType();
  /// Consumes every modifier that starts with `prefix`.
  bool takePrefix(std::string_view prefix);
  Space takeSpace();
  /// The next modifier that is left, without consuming it, or "".
  std::string_view remaining() const;

  // Operands; destinations must be named before sources.
  size_t operandCount() const { return statement.operands.size(); }
  const Operand &operand(size_t i) const;
  void destination(size_t i);
  void destination(const Operand &operand);
  void source(size_t i, Type type);
  void source(const Operand &operand, Type type);
  /// A vector's elements or the operand itself.
  std::vector<Operand> elements(size_t i) const;
  /// [base + offset]: the base is a source, the offset `result.immediate`.
  void address(size_t i);
  /// The same as two sources, for instructions with several addresses.
  void addressSources(size_t i);
  /// An operand that must be an integer in the text.
  int64_t integer(size_t i) const;
  bool isPredicate(const Operand &operand) const;
  Type declaredType(const Operand &operand) const;
  /// destination 0, then all others as sources of one type.
  void simple(Type type);
  void label(size_t i);

  /// Sets the handler; checks that nothing is left over.
  void finish(Handler handler);
  [[noreturn]] void fail(const std::string &message) const;

private:
  friend class ProgramBuilder;
  ProgramBuilder &builder;
  std::vector<std::string_view> words;
  std::vector<bool> used;
  std::vector<Slot> destinations, sources;
};

struct OpcodeRow {
  void (*decode)(Decoder &);
  Class klass;
};
using OpcodeTable = std::unordered_map<std::string_view, OpcodeRow>;

void addIntegerOpcodes(OpcodeTable &);
void addLogicOpcodes(OpcodeTable &);
void addFloatOpcodes(OpcodeTable &);
void addConvertOpcodes(OpcodeTable &);
void addCompareOpcodes(OpcodeTable &);
void addMoveOpcodes(OpcodeTable &);
void addControlOpcodes(OpcodeTable &);
void addShuffleOpcodes(OpcodeTable &);
void addLoadStoreOpcodes(OpcodeTable &);
void addAtomicOpcodes(OpcodeTable &);
void addAsyncCopyOpcodes(OpcodeTable &);
void addMatrixLoadOpcodes(OpcodeTable &);
void addMatrixOpcodes(OpcodeTable &);
void addAsyncMatrixOpcodes(OpcodeTable &);
void addMbarrierOpcodes(OpcodeTable &);
void addClusterOpcodes(OpcodeTable &);

} // namespace ptx

#endif // PTX_EMU_DECODER_H
