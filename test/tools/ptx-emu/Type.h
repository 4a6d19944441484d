//===- Type.h - the type suffixes of PTX -----------------------*- C++ -*--===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef PTX_EMU_TYPE_H
#define PTX_EMU_TYPE_H

#include <cstdint>
#include <optional>
#include <string_view>

namespace ptx {

/// ".f16x2" is {Half, 16, 2}: the bits are those of one element.
struct Type {
  enum Kind : uint8_t {
    Bits,
    Unsigned,
    Signed,
    Float, ///< f32, f64
    Half,
    Brain,
    Tensor, ///< tf32
    E4M3,
    E5M2,
    Predicate
  };
  Kind kind = Bits;
  uint8_t bits = 32;
  uint8_t count = 1;

  unsigned width() const { return unsigned(bits) * count; }
  unsigned bytes() const { return width() / 8; }
  bool isInteger() const { return kind <= Signed; }
  bool isFloat() const { return kind >= Float && kind <= E5M2; }
  bool is(Kind k, unsigned b, unsigned c = 1) const {
    return kind == k && bits == b && count == c;
  }
  bool operator==(const Type &) const = default;

  static std::optional<Type> parse(std::string_view suffix);
};

inline std::optional<Type> Type::parse(std::string_view suffix) {
  struct Row {
    std::string_view name;
    Type type;
  };
  static constexpr Row rows[] = {
      {"b8", {Bits, 8}},          {"b16", {Bits, 16}},
      {"b32", {Bits, 32}},        {"b64", {Bits, 64}},
      {"b128", {Bits, 128}},      {"u8", {Unsigned, 8}},
      {"u16", {Unsigned, 16}},    {"u32", {Unsigned, 32}},
      {"u64", {Unsigned, 64}},    {"s8", {Signed, 8}},
      {"s16", {Signed, 16}},      {"s32", {Signed, 32}},
      {"s64", {Signed, 64}},      {"f16", {Half, 16}},
      {"f16x2", {Half, 16, 2}},   {"bf16", {Brain, 16}},
      {"bf16x2", {Brain, 16, 2}}, {"f32", {Float, 32}},
      {"f64", {Float, 64}},       {"tf32", {Tensor, 32}},
      {"pred", {Predicate, 1}},   {"u16x2", {Unsigned, 16, 2}},
      {"s16x2", {Signed, 16, 2}}, {"e4m3x2", {E4M3, 8, 2}},
      {"e5m2x2", {E5M2, 8, 2}},   {"e4m3", {E4M3, 8}},
      {"e5m2", {E5M2, 8}},
  };
  for (const Row &row : rows)
    if (row.name == suffix)
      return row.type;
  return std::nullopt;
}

} // namespace ptx

#endif // PTX_EMU_TYPE_H
