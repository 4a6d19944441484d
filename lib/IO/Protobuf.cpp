//===- Protobuf.cpp - fields of a protocol buffer -------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/Protobuf.h"

using namespace qopt;
using Kind = ProtobufField::Kind;

Result<uint64_t> ProtobufReader::varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    QOPT_ASSIGN(uint8_t byte, reader.read<uint8_t>("a number"));
    uint64_t bits = byte & 0x7f;
    if (shift == 63 && bits > 1)
      break;
    value |= bits << shift;
    if (byte < 0x80)
      return value;
  }
  return reader.error("a number of more than 64 bits");
}

Result<ProtobufField> ProtobufReader::next() {
  ProtobufField field{};
  field.offset = base + reader.offset();
  QOPT_ASSIGN(uint64_t tag, varint());
  field.number = tag >> 3;
  field.kind = Kind(tag & 7);
  if (field.number == 0)
    return error(field, "field numbers start at 1");
  switch (field.kind) {
  case Kind::Varint: {
    QOPT_ASSIGN(field.integer, varint());
    return field;
  }
  case Kind::Fixed64: {
    QOPT_ASSIGN(field.integer, reader.read<uint64_t>("8 bytes"));
    return field;
  }
  case Kind::Fixed32: {
    QOPT_ASSIGN(field.integer, reader.read<uint32_t>("4 bytes"));
    return field;
  }
  case Kind::Bytes: {
    QOPT_ASSIGN(uint64_t length, varint());
    QOPT_ASSIGN(field.bytes, reader.take(length, "the content of a field"));
    return field;
  }
  }
  return error(field, "has the unknown kind ", int(field.kind));
}

Status ProtobufReader::require(const ProtobufField &field, Kind kind) const {
  if (field.kind != kind)
    return error(field, "is of kind ", int(field.kind), " instead of ",
                 int(kind));
  return {};
}

Result<ProtobufReader>
ProtobufReader::message(const ProtobufField &field) const {
  QOPT_CHECK(require(field, Kind::Bytes));
  return ProtobufReader(field.bytes, reader.name(), field.offset);
}

Result<int64_t> ProtobufReader::integer(const ProtobufField &field) const {
  QOPT_CHECK(require(field, Kind::Varint));
  return int64_t(field.integer);
}

Result<bool> ProtobufReader::flag(const ProtobufField &field) const {
  QOPT_CHECK(require(field, Kind::Varint));
  if (field.integer > 1)
    return error(field, "is neither true nor false");
  return field.integer == 1;
}

Result<float> ProtobufReader::number(const ProtobufField &field) const {
  QOPT_CHECK(require(field, Kind::Fixed32));
  return std::bit_cast<float>(uint32_t(field.integer));
}

Result<std::string_view>
ProtobufReader::text(const ProtobufField &field) const {
  QOPT_CHECK(require(field, Kind::Bytes));
  if (!isUtf8(field.text()))
    return error(field, "is not UTF-8");
  return field.text();
}
