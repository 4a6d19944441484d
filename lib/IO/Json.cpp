//===- Json.cpp - parsing JSON from strangers -----------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "JsonTree.h"
#include "qopt/IO/Bytes.h"
#include "qopt/IO/MappedFile.h"

#include <algorithm>
#include <bit>
#include <nlohmann/json.hpp>

using namespace qopt;
using detail::JsonNode;
using detail::JsonTree;

namespace {
constexpr size_t maxDepth = 64;
constexpr size_t maxText = size_t(1) << 30; // so that 32-bit indices suffice

/// Builds a JsonTree from nlohmann's SAX events. The library checks syntax and
/// UTF-8 iteratively; depth and duplicates are checked here. Returning false
/// stops the parser.
class TreeBuilder : public nlohmann::json_sax<nlohmann::json> {
public:
  explicit TreeBuilder(JsonTree &tree) : tree(tree) {}
  std::string failure;

  bool null() override { return add(JsonKind::Null, 0); }
  bool boolean(bool flag) override { return add(JsonKind::Bool, flag); }
  bool number_integer(number_integer_t number) override {
    return add(JsonKind::Int, std::bit_cast<uint64_t>(number));
  }
  bool number_unsigned(number_unsigned_t number) override {
    return add(number <= uint64_t(INT64_MAX) ? JsonKind::Int
                                             : JsonKind::Unsigned,
               number);
  }
  bool number_float(number_float_t number, const string_t &) override {
    return add(JsonKind::Double, std::bit_cast<uint64_t>(number));
  }
  bool string(string_t &text) override {
    add(JsonKind::String, 0);
    tree.nodes.back().first = tree.strings.size();
    tree.nodes.back().count = text.size();
    tree.strings += text;
    return true;
  }
  bool binary(binary_t &) override { return false; } // not in JSON texts

  bool key(string_t &name) override {
    keyFirst = tree.strings.size();
    keyCount = name.size();
    tree.strings += name;
    return true;
  }
  bool start_object(size_t) override { return open(JsonKind::Object); }
  bool start_array(size_t) override { return open(JsonKind::Array); }
  bool end_object() override {
    uint32_t object = close();
    auto begin = tree.sorted.end() - tree.nodes[object].count;
    std::sort(begin, tree.sorted.end(), [&](uint32_t a, uint32_t b) {
      return tree.key(a) < tree.key(b);
    });
    auto twice = std::adjacent_find(
        begin, tree.sorted.end(),
        [&](uint32_t a, uint32_t b) { return tree.key(a) == tree.key(b); });
    if (twice == tree.sorted.end())
      return true;
    std::string where = tree.path(object);
    failure = str("duplicate key ", quote(tree.key(*twice)),
                  where.empty() ? "" : " in ", where);
    return false;
  }
  bool end_array() override {
    close();
    return true;
  }
  bool parse_error(size_t offset, const std::string &,
                   const nlohmann::json::exception &exception) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: …"
    std::string_view reason = exception.what();
    size_t start = reason.find("] ");
    reason.remove_prefix(start == reason.npos ? 0 : start + 2);
    // What follows quotes the file, ill-formed bytes and all.
    reason = reason.substr(0, reason.find("; last read")).substr(0, 300);
    failure = str("at byte ", offset, ": ", reason);
    return false;
  }

private:
  struct Open {
    uint32_t node;
    size_t pending; // where its children start in `pendingChildren`
  };

  bool add(JsonKind kind, uint64_t number) {
    uint32_t index = tree.nodes.size();
    JsonNode node;
    node.kind = kind;
    node.number = number;
    if (!stack.empty()) {
      node.parent = stack.back().node;
      pendingChildren.push_back(index);
      if (tree.nodes[node.parent].kind == JsonKind::Object) {
        node.keyFirst = keyFirst;
        node.keyCount = keyCount;
      }
    }
    tree.nodes.push_back(node);
    return true;
  }
  bool open(JsonKind kind) {
    if (stack.size() == maxDepth) {
      failure = str("nested deeper than ", maxDepth, " levels");
      return false;
    }
    uint32_t index = tree.nodes.size();
    add(kind, 0);
    stack.push_back({index, pendingChildren.size()});
    return true;
  }
  /// Moves the children of the innermost value to their final place.
  uint32_t close() {
    auto [node, pending] = stack.back();
    stack.pop_back();
    auto begin = pendingChildren.begin() + pending;
    tree.nodes[node].first = tree.children.size();
    tree.nodes[node].count = pendingChildren.end() - begin;
    tree.children.insert(tree.children.end(), begin, pendingChildren.end());
    tree.sorted.insert(tree.sorted.end(), begin, pendingChildren.end());
    pendingChildren.erase(begin, pendingChildren.end());
    return node;
  }

  JsonTree &tree;
  std::vector<Open> stack;
  std::vector<uint32_t> pendingChildren;
  uint32_t keyFirst = 0, keyCount = 0;
};
} // namespace

std::string JsonTree::path(uint32_t node) const {
  if (node == 0)
    return "";
  const JsonNode &parent = nodes[nodes[node].parent];
  std::string prefix = path(nodes[node].parent);
  if (parent.kind == JsonKind::Object) {
    std::string_view name = key(node);
    bool plain = !name.empty() && name.size() <= 80 &&
                 std::all_of(name.begin(), name.end(), [](char c) {
                   return c > ' ' && c < 127 && c != '.' && c != '[';
                 });
    if (!plain)
      return str(prefix, "[", quote(name), "]");
    return prefix.empty() ? std::string(name) : str(prefix, ".", name);
  }
  auto begin = children.begin() + parent.first;
  auto place = std::find(begin, begin + parent.count, node);
  return str(prefix, "[", place - begin, "]");
}

Result<JsonDocument> JsonDocument::parse(std::string_view text,
                                         std::string file) {
  if (text.size() > maxText)
    return badInput(file, ": JSON text of ", text.size(),
                    " bytes; at most 1 GiB is read");
  auto tree = std::make_unique<JsonTree>();
  tree->file = std::move(file);
  TreeBuilder builder(*tree);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &builder))
    return badInput(tree->file, ": ", builder.failure);
  return JsonDocument(std::move(tree));
}

Result<JsonDocument> JsonDocument::load(const std::string &path) {
  QOPT_ASSIGN(std::string text, readWholeFile(path, maxText));
  return parse(text, path);
}

JsonDocument::JsonDocument(std::unique_ptr<JsonTree> tree)
    : tree(std::move(tree)) {}
JsonDocument::JsonDocument(JsonDocument &&) noexcept = default;
JsonDocument &JsonDocument::operator=(JsonDocument &&) noexcept = default;
JsonDocument::~JsonDocument() = default;

JsonValue JsonDocument::root() const { return JsonValue(tree.get(), 0); }
const std::string &JsonDocument::file() const { return tree->file; }
