//===- Json.h - hardened JSON reading, and writing --------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Files from strangers are parsed into an immutable tree. Nesting is limited to
// 64 levels, duplicate keys and ill-formed UTF-8 are errors, and numbers keep
// the type in which they were written. Values are asked for by type; the answer
// to a wrong question is an error that names the file and the path of keys:
//
//     QOPT_ASSIGN(auto document, JsonDocument::load(path));
//     QOPT_ASSIGN(int64_t heads,
//     document.root().getInt("num_attention_heads"));
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_JSON_H
#define QOPT_IO_JSON_H

#include "qopt/Support/Error.h"

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace qopt {

enum class JsonKind : uint8_t {
  Null,
  Bool,
  Int,      // a number without fraction or exponent that fits int64_t
  Unsigned, // one that fits only uint64_t
  Double,   // every other number
  String,
  Array,
  Object,
};

namespace detail {
struct JsonTree;
}

/// A value in a JsonDocument: a cheap handle, valid while the document lives.
class JsonValue {
public:
  JsonKind kind() const;
  bool isNull() const { return kind() == JsonKind::Null; }
  bool isString() const { return kind() == JsonKind::String; }
  bool isArray() const { return kind() == JsonKind::Array; }
  bool isObject() const { return kind() == JsonKind::Object; }
  bool isNumber() const {
    return kind() >= JsonKind::Int && kind() <= JsonKind::Double;
  }

  Result<bool> asBool() const;
  /// An integer in range; 2.0 is not one.
  Result<int64_t> asInt() const;
  Result<uint64_t> asUnsigned() const;
  /// Any number.
  Result<double> asDouble() const;
  /// UTF-8; may contain NUL.
  Result<std::string_view> asString() const;

  /// Elements of an array or members of an object, in file order; otherwise 0.
  size_t size() const;
  /// Element or member value `index` < size().
  JsonValue operator[](size_t index) const;
  /// The key of member `index` < size() of an object.
  std::string_view key(size_t index) const;

  /// The member `key`; nothing if it is absent or null (which model configs use
  /// interchangeably) or if this is not an object.
  std::optional<JsonValue> find(std::string_view key) const;
  /// The member `key`, or an error that names it.
  Result<JsonValue> get(std::string_view key) const;
  Result<JsonValue> getArray(std::string_view key) const;
  Result<JsonValue> getObject(std::string_view key) const;

  Result<bool> getBool(std::string_view key) const;
  Result<int64_t> getInt(std::string_view key) const;
  Result<uint64_t> getUnsigned(std::string_view key) const;
  Result<double> getDouble(std::string_view key) const;
  Result<std::string_view> getString(std::string_view key) const;
  /// The same with a value to take if the member is absent or null.
  Result<bool> getBool(std::string_view key, bool fallback) const;
  Result<int64_t> getInt(std::string_view key, int64_t fallback) const;
  Result<uint64_t> getUnsigned(std::string_view key, uint64_t fallback) const;
  Result<double> getDouble(std::string_view key, double fallback) const;
  Result<std::string_view> getString(std::string_view key,
                                     std::string_view fallback) const;

  /// Where this value stands: `rope_scaling.factor`, `merges[3]`; "" is the
  /// root.
  std::string path() const;
  /// A BadInput error about this value: "FILE: PATH: …".
  template <typename... Parts>
  tl::unexpected<Error> error(const Parts &...parts) const {
    return badInput(place(), ": ", parts...);
  }

private:
  friend class JsonDocument;
  JsonValue(const detail::JsonTree *tree, uint32_t node)
      : tree(tree), node(node) {}
  std::string place() const;
  tl::unexpected<Error> wrongKind(std::string_view expected) const;
  const detail::JsonTree *tree;
  uint32_t node;
};

/// A parsed file; owns every value. Can be moved without touching handles.
class JsonDocument {
public:
  /// `file` names the text in errors. Texts above 1 GiB are refused.
  static Result<JsonDocument> parse(std::string_view text, std::string file);
  static Result<JsonDocument> load(const std::string &path);
  JsonDocument(JsonDocument &&) noexcept;
  JsonDocument &operator=(JsonDocument &&) noexcept;
  ~JsonDocument();

  JsonValue root() const;
  const std::string &file() const;

private:
  explicit JsonDocument(std::unique_ptr<detail::JsonTree> tree);
  std::unique_ptr<detail::JsonTree> tree;
};

/// `text` in double quotes, escaped as JSON requires; ill-formed UTF-8 becomes
/// U+FFFD.
std::string jsonQuote(std::string_view text);

/// Writes JSON in the order of the calls:
///
///     JsonWriter json;
///     json.beginObject().member("bits", 4).key("ignore").beginArray()
///         .value("lm_head").endArray().endObject();
///     json.text(); // {"bits":4,"ignore":["lm_head"]}
class JsonWriter {
public:
  /// Spaces per level; 0 puts everything on one line without blanks.
  explicit JsonWriter(int indent = 0) : indent(indent) {}

  JsonWriter &beginObject();
  JsonWriter &endObject();
  JsonWriter &beginArray();
  JsonWriter &endArray();
  JsonWriter &key(std::string_view name);
  JsonWriter &value(std::string_view text);
  JsonWriter &value(const char *text) { return value(std::string_view(text)); }
  JsonWriter &value(const std::string &text) {
    return value(std::string_view(text));
  }
  JsonWriter &value(bool flag);
  /// The shortest text that reads back as the same double and as a double
  /// (1.0, not 1); null if it is not finite.
  JsonWriter &value(double number);
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  JsonWriter &value(T number) {
    return raw(std::to_string(number));
  }
  JsonWriter &null();
  template <typename T> JsonWriter &member(std::string_view name, const T &v) {
    return key(name).value(v);
  }

  const std::string &text() const { return output; }

private:
  JsonWriter &raw(std::string_view text);
  JsonWriter &open(char bracket);
  JsonWriter &close(char bracket);
  void separate();
  void newLine();
  int indent;
  std::string output;
  std::vector<bool> empty; // per open bracket: nothing in it yet
  bool afterKey = false;
};

} // namespace qopt

#endif // QOPT_IO_JSON_H
