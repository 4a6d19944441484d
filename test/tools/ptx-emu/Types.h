//===- Types.h - C++ types for PTX types -----------------------*- C++ -*--===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef PTX_EMU_TYPES_H
#define PTX_EMU_TYPES_H

#include "Decoder.h"

#include <algorithm>
#include <type_traits>

namespace ptx {

/// Zero-extended to the width of a lane.
template <typename T> uint64_t toLane(T value) {
  return uint64_t(std::make_unsigned_t<T>(value));
}

/// choose<T>() for the integer type T of 16, 32 or 64 bits.
template <typename F> Handler withInteger(Decoder &d, Type type, F choose) {
  bool isSigned = type.kind == Type::Signed;
  if (type.isInteger() && type.count == 1)
    switch (type.bits) {
    case 16:
      return isSigned ? choose.template operator()<int16_t>()
                      : choose.template operator()<uint16_t>();
    case 32:
      return isSigned ? choose.template operator()<int32_t>()
                      : choose.template operator()<uint32_t>();
    case 64:
      return isSigned ? choose.template operator()<int64_t>()
                      : choose.template operator()<uint64_t>();
    }
  d.fail("unsupported type of '" + d.statement.opcode + "'");
}

// add, sub, mul, min, max, abs, neg, fma and div have one opcode for all types:
// what remains to decode after the type is in the files of the families.
void decodeFloatArithmetic(Decoder &d, Type type);
void decodeHalfArithmetic(Decoder &d, Type type);
/// barrier.cluster, after the word cluster.
void decodeClusterBarrier(Decoder &d);
/// cp.async.mbarrier.arrive, after the word mbarrier.
void decodeCopyArrival(Decoder &d);
/// cp.async.bulk, after the word bulk.
void decodeBulkCopy(Decoder &d);

} // namespace ptx

#endif // PTX_EMU_TYPES_H
