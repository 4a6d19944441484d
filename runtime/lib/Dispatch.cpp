//===- Dispatch.cpp - which kernel runs a linear, and how -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Dispatch.h"
#include "Json.h"

#include <algorithm>
#include <unordered_set>

using namespace qopt::runtime;

namespace {
/// Reads the members of one row; remembers the first that is wrong.
class RowReader {
public:
  RowReader(const Json &object, std::string place, std::string &error)
      : object(object), place(std::move(place)), error(error) {}

  void text(const char *key, std::string &value) {
    const Json *json = get(key, Json::Kind::String, "a string");
    if (json)
      value = json->text;
  }
  void flag(const char *key, bool &value, bool optional = false) {
    if (optional && !object.find(key))
      return;
    const Json *json = get(key, Json::Kind::Bool, "true or false");
    if (json)
      value = json->flag;
  }
  void number(const char *key, int64_t &value, int64_t least, int64_t most,
              bool optional = false) {
    if (optional && !object.find(key))
      return;
    const Json *json = get(key, Json::Kind::Int, "an integer");
    if (!json)
      return;
    value = json->integer;
    if (value < least || value > most)
      fail(std::string(key) + " is " + std::to_string(value) + ", not in " +
           std::to_string(least) + " … " + std::to_string(most));
  }
  bool ok() const { return good; }

private:
  const Json *get(const char *key, Json::Kind kind, const char *expected) {
    const Json *json = object.find(key);
    if (json && json->kind == kind)
      return json;
    fail(std::string(key) + (json ? " is not " : " is missing; it is ") +
         expected);
    return nullptr;
  }
  void fail(const std::string &reason) {
    if (good)
      error = place + reason;
    good = false;
  }

  const Json &object;
  std::string place;
  std::string &error;
  bool good = true;
};
} // namespace

constexpr int64_t largestGridY = 65535; // kernels stride over more

static int64_t gridYOf(const KernelRow &row, int64_t rows) {
  return std::min((rows + row.tileOfM - 1) / row.tileOfM, largestGridY);
}

/// Of the largest grid of a row.
static int64_t mostBlocks(const KernelRow &row) {
  constexpr int64_t anyRows = INT32_MAX;
  return row.tilesOfN * row.cluster *
         gridYOf(row, row.maxRows != 0 ? row.maxRows : anyRows);
}

static bool readRow(const Json &json, size_t index, KernelRow &row,
                    std::string &error) {
  RowReader reader(json, "kernels[" + std::to_string(index) + "]: ", error);
  constexpr int64_t any = int64_t(1) << 31;
  reader.text("linear", row.linear);
  reader.text("scheme", row.scheme);
  reader.number("bits", row.bits, 1, 16);
  reader.number("group", row.group, -1, any);
  reader.number("zero", row.zero, 0, 255);
  reader.flag("zeros", row.zeros);
  reader.flag("minima", row.minima, /*optional=*/true);
  reader.flag("super_scales", row.superScales, /*optional=*/true);
  reader.number("n", row.n, 1, any);
  reader.number("k", row.k, 1, any);
  reader.text("activations", row.activations);
  reader.text("entry", row.entry);
  reader.number("max_m", row.maxRows, 0, any);
  reader.number("block", row.block, 1, 1024);
  reader.number("shared", row.shared, 0, any);
  reader.number("shared_per_row", row.sharedPerRow, 0, any);
  reader.number("n_tiles", row.tilesOfN, 1, any);
  reader.number("m_tile", row.tileOfM, 1, any);
  reader.flag("persistent", row.persistent);
  reader.number("cluster", row.cluster, 1, 16);
  reader.flag("overlap", row.overlap, /*optional=*/true);
  reader.number("workspace", row.workspace, 0, any, /*optional=*/true);
  if (reader.ok() && row.tilesOfN * row.cluster >= any) {
    error = "kernels[" + std::to_string(index) + "]: the grid is too large";
    return false;
  }
  constexpr int64_t mostFlags = KernelRow::workspaceFlagBytes / 4;
  if (reader.ok() && row.workspace > 0 && mostBlocks(row) > mostFlags) {
    error = "kernels[" + std::to_string(index) +
            "]: " + std::to_string(mostBlocks(row)) +
            " blocks, and a workspace has flags of " +
            std::to_string(mostFlags);
    return false;
  }
  return reader.ok();
}

/// A row that permutes the columns of x.
static bool readPermutation(const Json &json, size_t index, KernelRow &row,
                            std::string &error) {
  RowReader reader(json,
                   "permutations[" + std::to_string(index) + "]: ", error);
  constexpr int64_t any = (int64_t(1) << 31) - 1;
  reader.text("entry", row.entry);
  reader.number("k", row.k, 1, any);
  reader.number("block", row.block, 1, 1024);
  reader.number("n_tiles", row.tilesOfN, 1, any);
  reader.number("m_tile", row.tileOfM, 1, any);
  reader.flag("overlap", row.overlap, /*optional=*/true);
  return reader.ok();
}

bool DispatchTable::parse(std::string_view text, DispatchTable &table,
                          std::string &error) {
  table = DispatchTable();
  Json json;
  if (!Json::parse(text, json, error))
    return false;
  const Json *version = json.find("version"), *chip = json.find("chip"),
             *kernels = json.find("kernels");
  // Version 1 has no workspaces.
  if (!version || version->kind != Json::Kind::Int || version->integer < 1 ||
      version->integer > 2) {
    error = "the table of kernels is not of version 1 or 2";
    return false;
  }
  if (!chip || chip->kind != Json::Kind::String || !kernels ||
      kernels->kind != Json::Kind::Array) {
    error = "the table of kernels lacks its chip or its kernels";
    return false;
  }
  table.chip = chip->text;
  std::unordered_set<std::string> entries;
  for (size_t i = 0; i < kernels->elements.size(); ++i) {
    KernelRow row;
    if (!readRow(kernels->elements[i], i, row, error))
      return false;
    if (!entries.insert(row.entry).second) {
      error = "kernels[" + std::to_string(i) + "]: entry " + row.entry +
              " stands there twice";
      return false;
    }
    table.byName[row.linear].push_back(i);
    table.rows.push_back(std::move(row));
  }
  for (size_t i = 0; i < table.rows.size(); ++i)
    table.byName.try_emplace(table.rows[i].entry, 1, i);
  const Json *permutations = json.find("permutations");
  if (!permutations)
    return true;
  if (permutations->kind != Json::Kind::Array) {
    error = "permutations is not an array";
    return false;
  }
  for (size_t i = 0; i < permutations->elements.size(); ++i) {
    KernelRow row;
    if (!readPermutation(permutations->elements[i], i, row, error))
      return false;
    if (!table.permutations.try_emplace(row.k, table.rows.size()).second ||
        !entries.insert(row.entry).second) {
      error = "permutations[" + std::to_string(i) + "]: entry " + row.entry +
              " or its k stands there twice";
      return false;
    }
    table.rows.push_back(std::move(row));
  }
  return true;
}

const std::vector<size_t> &
DispatchTable::candidates(const std::string &name) const {
  static const std::vector<size_t> none;
  auto found = byName.find(name);
  return found == byName.end() ? none : found->second;
}

size_t DispatchTable::largestWorkspace() const {
  int64_t largest = 0;
  for (const KernelRow &row : rows)
    largest = std::max(largest, row.workspace);
  return size_t(largest);
}

bool qopt::runtime::geometryOf(
    const KernelRow &row, int64_t rows, const DeviceLimits &limits,
    const std::function<int64_t(int64_t)> &blocksPerMultiprocessor,
    Geometry &geometry) {
  if (rows < 1 || (row.maxRows != 0 && rows > row.maxRows) ||
      (row.sharedPerRow != 0 && rows > limits.sharedPerBlock) ||
      row.dynamicShared(rows) > limits.sharedPerBlock)
    return false;
  int64_t clusters = row.tilesOfN;
  if (row.persistent) {
    int64_t resident = limits.multiprocessors *
                       blocksPerMultiprocessor(row.dynamicShared(rows)) /
                       row.cluster;
    if (resident < 1)
      return false;
    clusters = std::min(clusters, resident);
  }
  geometry.gridX = uint32_t(clusters * row.cluster);
  geometry.gridY = uint32_t(gridYOf(row, rows));
  geometry.block = uint32_t(row.block);
  geometry.shared = uint32_t(row.dynamicShared(rows));
  return true;
}
