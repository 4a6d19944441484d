//===- Decoder.cpp - from a statement to an instruction -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Decoder.h"

#include "Memory.h"

#include <bit>
#include <deque>

using namespace ptx;

static const OpcodeTable &opcodes() {
  static const OpcodeTable table = [] {
    OpcodeTable table;
    addIntegerOpcodes(table);
    addLogicOpcodes(table);
    addFloatOpcodes(table);
    addConvertOpcodes(table);
    addCompareOpcodes(table);
    addMoveOpcodes(table);
    addControlOpcodes(table);
    addShuffleOpcodes(table);
    addLoadStoreOpcodes(table);
    addAtomicOpcodes(table);
    addAsyncCopyOpcodes(table);
    addMatrixLoadOpcodes(table);
    addMatrixOpcodes(table);
    addAsyncMatrixOpcodes(table);
    addMbarrierOpcodes(table);
    addClusterOpcodes(table);
    return table;
  }();
  return table;
}

namespace ptx {

class ProgramBuilder {
public:
  ProgramBuilder(const Module &module, const Entry &entry)
      : module(module), entry(entry) {
    program.module = &module;
    program.entry = &entry;
    program.slots = 2; // 0 and 1 take what is written to _
    for (Type type : entry.registers) {
      slots.push_back(program.slots);
      program.slots += type.bits == 128 ? 2 : 1;
    }
    for (const Variable &parameter : entry.parameters)
      program.parameterBytes = parameter.address + parameter.bytes;
    uint64_t alignment = entry.dynamicAlignment;
    for (const auto &[name, variable] : entry.variables)
      if (variable.space == Space::Shared)
        alignment = std::max(alignment, variable.alignment);
    constexpr uint64_t reserved = 1024; // by the system, as on sm_90
    program.sharedStart =
        alignment * ((reserved + alignment - 1) / alignment | 1);
  }

  Program run() {
    for (const Statement &statement : entry.statements) {
      Decoder decoder(*this, statement);
      auto row = opcodes().find(decoder.base());
      if (row == opcodes().end())
        decoder.fail("unsupported instruction '" + statement.opcode + "'");
      decoder.result.klass = row->second.klass;
      row->second.decode(decoder);
      add(decoder, statement.opcode.c_str());
    }
    Statement end;
    end.line =
        entry.statements.empty() ? entry.line : entry.statements.back().line;
    end.opcode = "ret";
    Decoder decoder(*this, end);
    opcodes().at("ret").decode(decoder);
    add(decoder, "ret");
    fixOperands();
    findReconvergence(program.code);
    return std::move(program);
  }

  Slot slotOf(Register reg) const { return slots[reg]; }
  Type typeOf(Register reg) const { return entry.registers[reg]; }

  Slot constant(uint64_t value) {
    auto [place, isNew] = constants.try_emplace(value, program.slots);
    if (isNew)
      program.initial.push_back({program.slots++, Special::Constant, value});
    return place->second;
  }

  Slot special(Special which) {
    auto [place, isNew] = specials.try_emplace(which, program.slots);
    if (isNew)
      program.initial.push_back({program.slots++, which, 0});
    return place->second;
  }

  /// The address of a variable in its own space, or nothing.
  std::optional<uint64_t> symbol(std::string_view name) const {
    if (auto found = entry.variables.find(name); found != entry.variables.end())
      return found->second.address +
             (found->second.space == Space::Shared ? program.sharedStart : 0);
    for (const Variable &parameter : entry.parameters)
      if (parameter.name == name)
        return parameter.address;
    if (auto found = module.globals.find(name); found != module.globals.end())
      return found->second.address;
    return std::nullopt;
  }

  const Module &module;
  const Entry &entry;

private:
  void add(Decoder &decoder, const char *opcode) {
    Instruction &instruction = decoder.result;
    instruction.line = decoder.statement.line;
    instruction.opcode = opcode;
    if (decoder.statement.guard >= 0) {
      instruction.guard = slotOf(decoder.statement.guard);
      instruction.guardNegated = decoder.statement.guardNegated;
    }
    instruction.destinations = uint8_t(decoder.destinations.size());
    instruction.sources = uint8_t(decoder.sources.size());
    for (const auto *list : {&decoder.destinations, &decoder.sources})
      program.operandPool.insert(program.operandPool.end(), list->begin(),
                                 list->end());
    program.hasAsyncMatrix |= instruction.klass == Class::AsyncMatrix;
    program.code.push_back(instruction);
  }

  void fixOperands() {
    const Slot *next = program.operandPool.data();
    for (Instruction &instruction : program.code) {
      instruction.operands = next;
      next += instruction.destinations + instruction.sources;
    }
  }

  Program program;
  std::vector<Slot> slots;
  std::map<uint64_t, Slot> constants;
  std::map<Special, Slot> specials;
};

} // namespace ptx

std::string Program::registerName(Slot slot) const {
  Slot next = 2; // as ProgramBuilder numbers them
  for (size_t i = 0; i < entry->registers.size(); ++i) {
    Slot size = entry->registers[i].bits == 128 ? 2 : 1;
    if (slot >= next && slot < next + size)
      return entry->registerNames[i];
    next += size;
  }
  return "?";
}

Program ptx::compile(const Module &module, const Entry &entry) {
  return ProgramBuilder(module, entry).run();
}

Decoder::Decoder(ProgramBuilder &builder, const Statement &statement)
    : statement(statement), builder(builder) {
  std::string_view rest = statement.opcode;
  while (true) {
    size_t dot = rest.find('.');
    words.push_back(rest.substr(0, dot));
    if (dot == rest.npos)
      break;
    rest.remove_prefix(dot + 1);
  }
  used.resize(words.size());
}

void Decoder::fail(const std::string &message) const {
  throw Error(statement.line, message);
}

bool Decoder::take(std::string_view modifier) {
  for (size_t i = 1; i < words.size(); ++i)
    if (!used[i] && words[i] == modifier)
      return used[i] = true;
  return false;
}

std::string_view
Decoder::takeAny(std::initializer_list<std::string_view> choices) {
  for (std::string_view choice : choices)
    if (take(choice))
      return choice;
  return {};
}

std::optional<Type> Decoder::takeOptionalType() {
  for (size_t i = 1; i < words.size(); ++i)
    if (!used[i])
      if (std::optional<Type> type = Type::parse(words[i])) {
        used[i] = true;
        return type;
      }
  return std::nullopt;
}

Type Decoder::takeType() {
  std::optional<Type> type = takeOptionalType();
  if (!type)
    fail("'" + statement.opcode + "' lacks a supported type");
  return *type;
}

bool Decoder::takePrefix(std::string_view prefix) {
  bool found = false;
  for (size_t i = 1; i < words.size(); ++i)
    if (!used[i] && words[i].starts_with(prefix))
      used[i] = found = true;
  return found;
}

Space Decoder::takeSpace() {
  if (take("global"))
    return Space::Global;
  if (take("shared") || take("shared::cta"))
    return Space::Shared;
  if (take("shared::cluster"))
    return Space::Cluster;
  if (take("local"))
    return Space::Local;
  if (take("param") || take("param::entry"))
    return Space::Param;
  if (take("const"))
    return Space::Constant;
  return Space::Generic;
}

std::string_view Decoder::remaining() const {
  for (size_t i = 1; i < words.size(); ++i)
    if (!used[i])
      return words[i];
  return {};
}

const Operand &Decoder::operand(size_t i) const {
  if (i >= statement.operands.size())
    fail("'" + statement.opcode + "' lacks operands");
  return statement.operands[i];
}

void Decoder::destination(size_t i) { destination(operand(i)); }

void Decoder::destination(const Operand &operand) {
  if (operand.kind == Operand::Kind::Sink) {
    destinations.push_back(0);
    return;
  }
  if (operand.kind != Operand::Kind::Register)
    fail("the destination is not a register");
  Slot slot = builder.slotOf(operand.reg);
  destinations.push_back(slot);
  if (builder.typeOf(operand.reg).bits == 128)
    destinations.push_back(slot + 1);
}

void Decoder::source(size_t i, Type type) { source(operand(i), type); }

static uint64_t floatBits(uint64_t bits, Type type) {
  return type.bits == 64
             ? bits
             : std::bit_cast<uint32_t>(float(std::bit_cast<double>(bits)));
}

void Decoder::source(const Operand &operand, Type type) {
  switch (operand.kind) {
  case Operand::Kind::Register: {
    Slot slot = builder.slotOf(operand.reg);
    if (operand.negated)
      result.negated |= 1u << sources.size();
    sources.push_back(slot);
    if (builder.typeOf(operand.reg).bits == 128)
      sources.push_back(slot + 1);
    return;
  }
  case Operand::Kind::Special: {
    std::optional<Special> special = findSpecial(operand.name);
    if (!special)
      fail("'" + operand.name +
           "' is neither declared nor a supported special register");
    sources.push_back(builder.special(*special));
    return;
  }
  case Operand::Kind::Integer:
    // A predicate given as 0 or 1 holds for all lanes.
    sources.push_back(builder.constant(
        type.kind == Type::Predicate && operand.value ? allLanes
                                                      : operand.value));
    return;
  case Operand::Kind::Float:
    sources.push_back(builder.constant(floatBits(operand.value, type)));
    return;
  case Operand::Kind::Symbol:
    if (std::optional<uint64_t> address = builder.symbol(operand.name)) {
      sources.push_back(builder.constant(*address + operand.value));
      return;
    }
    fail("'" + operand.name + "' is not defined");
  default:
    fail("unsupported operand");
  }
}

std::vector<Operand> Decoder::elements(size_t i) const {
  const Operand &whole = operand(i);
  if (whole.kind == Operand::Kind::Vector)
    return whole.elements;
  return {whole};
}

void Decoder::address(size_t i) {
  const Operand &where = operand(i);
  if (where.kind != Operand::Kind::Address)
    fail("expected an address");
  result.immediate = int64_t(where.value);
  source(where.elements[0], {Type::Bits, 64});
}

void Decoder::addressSources(size_t i) {
  address(i);
  sources.push_back(builder.constant(uint64_t(result.immediate)));
}

int64_t Decoder::integer(size_t i) const {
  if (operand(i).kind != Operand::Kind::Integer)
    fail("expected an integer");
  return int64_t(operand(i).value);
}

Type Decoder::declaredType(const Operand &operand) const {
  if (operand.kind != Operand::Kind::Register)
    fail("expected a register");
  return builder.typeOf(operand.reg);
}

bool Decoder::isPredicate(const Operand &operand) const {
  return operand.kind == Operand::Kind::Register &&
         builder.typeOf(operand.reg).kind == Type::Predicate;
}

void Decoder::simple(Type type) {
  destination(size_t(0));
  for (size_t i = 1; i < operandCount(); ++i)
    source(i, type);
}

void Decoder::label(size_t i) {
  auto found = builder.entry.labels.find(operand(i).name);
  if (found == builder.entry.labels.end())
    fail("label '" + operand(i).name + "' is not defined");
  result.target = found->second;
}

void Decoder::finish(Handler handler) {
  for (size_t i = 1; i < words.size(); ++i)
    if (!used[i])
      fail("unsupported modifier '." + std::string(words[i]) + "' of '" +
           statement.opcode + "'");
  result.execute = handler;
}
