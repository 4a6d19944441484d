//===- Program.h - an entry in the form that is executed -------*- C++ -*--===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Everything that an instruction reads or writes is a slot of the warp's
// register file: 32 lanes of 64 bits, zero-extended, read as the type that the
// instruction names. Immediates, addresses of variables and special registers
// that do not change are slots, too, filled when the warp starts. A predicate
// keeps its 32 lanes as the bits of its first word. A b128 register is two
// slots.
//
//===----------------------------------------------------------------------===//
#ifndef PTX_EMU_PROGRAM_H
#define PTX_EMU_PROGRAM_H

#include "Module.h"

namespace ptx {

class Warp;
struct Instruction;

using Slot = int32_t;
using Lanes = uint32_t; ///< one bit for each lane
using Handler = void (*)(Warp &, const Instruction &, Lanes);

constexpr Lanes allLanes = ~Lanes(0);
constexpr unsigned warpSize = 32;

/// For counting.
enum class Class : uint8_t {
  Integer,
  Logic,
  Float,
  Half,
  Convert,
  Move,
  Control,
  Synchronization,
  Shuffle,
  LoadGlobal,
  StoreGlobal,
  LoadShared,
  StoreShared,
  OtherMemory,
  Atomic,
  AsyncCopy,
  MatrixLoad,
  Matrix,
  AsyncMatrix,
  Mbarrier,
};
const char *name(Class);

struct Instruction {
  Handler execute = nullptr;
  const Slot *operands = nullptr; ///< destinations, then sources
  uint8_t destinations = 0, sources = 0;
  Class klass = Class::Integer;
  bool guardNegated = false;
  Slot guard = -1;
  uint32_t negated = 0; ///< one bit for each source: a predicate's !
  int32_t line = 0;
  /// Handlers keep what they need to know of the modifiers here.
  uint8_t size = 0, count = 0, mode = 0, flags = 0;
  Type type;
  int32_t target = -1;      ///< of a branch
  int32_t reconverge = -1;  ///< where the lanes of a divergent branch meet
  int64_t immediate = 0;    ///< offset of an address
  int32_t secondOffset = 0; ///< of an instruction with two addresses
  const char *opcode = "";

  Slot destination(unsigned i = 0) const { return operands[i]; }
  Slot source(unsigned i = 0) const { return operands[destinations + i]; }
};

/// What a slot holds when a warp starts.
enum class Special : uint8_t {
  Constant,
  TidX,
  TidY,
  TidZ,
  NtidX,
  NtidY,
  NtidZ,
  CtaidX,
  CtaidY,
  CtaidZ,
  NctaidX,
  NctaidY,
  NctaidZ,
  LaneId,
  WarpId,
  NWarpId,
  SmId,
  NSmId,
  LaneMaskEq,
  LaneMaskLt,
  LaneMaskLe,
  LaneMaskGt,
  LaneMaskGe,
  ClusterRank,
  ClusterSize,
  ClusterIdX,
  NClusterIdX,
  Zero,
  One,
  DynamicSharedSize,
  TotalSharedSize,
};

/// The special register of a name with its %, if it is a supported one that
/// does not change.
std::optional<Special> findSpecial(std::string_view name);

struct InitialSlot {
  Slot slot;
  Special special;
  uint64_t value;
};

struct Program {
  const Module *module = nullptr;
  const Entry *entry = nullptr;
  std::vector<Instruction> code; ///< ends with a return
  std::vector<Slot> operandPool;
  std::vector<InitialSlot> initial;
  Slot slots = 0;
  uint64_t parameterBytes = 0;
  /// Address of the first shared variable: not 0, which would hide a mistake,
  /// and a multiple of the alignments that are declared, but of nothing more.
  uint64_t sharedStart = 0;
  bool hasAsyncMatrix = false; ///< wgmma

  /// The name of the register in a slot, for messages.
  std::string registerName(Slot slot) const;
};

/// Decodes an entry; throws Error at what is not supported. The module must
/// outlive the program.
Program compile(const Module &module, const Entry &entry);

/// Fills Instruction::reconverge: the immediate post-dominator of each branch.
void findReconvergence(std::vector<Instruction> &code);

} // namespace ptx

#endif // PTX_EMU_PROGRAM_H
