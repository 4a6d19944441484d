//===- Protobuf.h - fields of a protocol buffer -----------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//     message: (tag value)*           tag: varint of number << 3 | kind
//     kind 0: varint     1: 8 bytes     2: varint length, bytes     5: 4 bytes
//
// A varint has 7 bits per byte, low ones first, all but the last byte with the
// high bit set. Kinds 3 and 4 (groups) are obsolete and refused.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_PROTOBUF_H
#define QOPT_IO_PROTOBUF_H

#include "qopt/IO/Bytes.h"

namespace qopt {

/// A field of a message; its bytes are those of the message.
struct ProtobufField {
  enum class Kind : uint8_t { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };
  uint64_t number;
  Kind kind;
  uint64_t integer; // of kinds other than Bytes
  ByteSpan bytes;   // of kind Bytes
  uint64_t offset;  // of the tag, in the file

  std::string_view text() const {
    return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
  }
};

/// Reads the fields of one message, in order. Nothing is copied; every length
/// is checked against what is left.
class ProtobufReader {
public:
  /// `file` names the source in errors; `offset` is where `message` lies in it.
  ProtobufReader(ByteSpan message, std::string file, uint64_t offset = 0)
      : reader(message, std::move(file)), base(offset) {}

  bool atEnd() const { return reader.remaining() == 0; }
  /// BadInput: a varint of more than 64 bits, an unknown kind, field number 0,
  /// fewer bytes than announced.
  Result<ProtobufField> next();
  /// The fields of a message that is a field of this one.
  Result<ProtobufReader> message(const ProtobufField &field) const;

  /// The value of a field of one kind; errors name the field. Integers are
  /// varints; a bool is 0 or 1.
  Result<int64_t> integer(const ProtobufField &field) const;
  Result<bool> flag(const ProtobufField &field) const;
  Result<float> number(const ProtobufField &field) const;
  Result<std::string_view> text(const ProtobufField &field) const; // UTF-8

  template <typename... Parts>
  tl::unexpected<Error> error(const ProtobufField &field,
                              const Parts &...parts) const {
    return badInput(reader.name(), ": at byte ", field.offset, ": field ",
                    field.number, ": ", parts...);
  }

private:
  Result<uint64_t> varint();
  Status require(const ProtobufField &field, ProtobufField::Kind kind) const;

  ByteReader reader;
  uint64_t base;
};

} // namespace qopt

#endif // QOPT_IO_PROTOBUF_H
