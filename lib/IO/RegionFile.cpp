//===- RegionFile.cpp - a file of regions known up front ------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/RegionFile.h"

#include <algorithm>
#include <iterator>

using namespace qopt;

Result<RegionFile> RegionFile::create(const std::string &path,
                                      std::string_view header,
                                      std::vector<FileRegion> regions,
                                      uint64_t length, bool overwrite) {
  QOPT_ASSIGN(AtomicFile file, AtomicFile::create(path, overwrite));
  QOPT_CHECK(file.resize(length));
  QOPT_CHECK(file.write(header));
  auto state = std::make_unique<State>();
  state->regions = std::move(regions);
  for (size_t i = 0; i < state->regions.size(); ++i)
    if (!state->byName.emplace(state->regions[i].name, i).second)
      return internalError(path, ": two tensors named ",
                           quote(state->regions[i].name));
  return RegionFile(std::move(file), std::move(state));
}

/// Adds [begin, end) to the written intervals, merging neighbours.
Status RegionFile::State::claim(const FileRegion &region, uint64_t begin,
                                uint64_t end) {
  std::lock_guard lock(mutex);
  auto next = written.lower_bound(begin);
  bool overlaps = next != written.end() && next->first < end;
  if (next != written.begin())
    overlaps |= std::prev(next)->second > begin;
  if (overlaps)
    return internalError("tensor ", quote(region.name),
                         ": a part is written twice");
  if (next != written.end() && next->first == end) {
    end = next->second;
    next = written.erase(next);
  }
  if (next != written.begin() && std::prev(next)->second == begin)
    std::prev(next)->second = end;
  else
    written.emplace_hint(next, begin, end);
  return {};
}

/// Starts to bring a range to the disk, and waits for the oldest if too many
/// bytes are on their way.
void RegionFile::flush(uint64_t offset, uint64_t count) {
  constexpr uint64_t limit = 32 << 20; // a second of a slow disk
  file.beginFlush(offset, count);
  std::unique_lock lock(state->mutex);
  state->flushing.emplace_back(offset, count);
  state->flushingBytes += count;
  while (state->flushingBytes > limit) {
    auto [oldest, bytes] = state->flushing.front();
    state->flushing.pop_front();
    state->flushingBytes -= bytes;
    lock.unlock();
    file.awaitFlush(oldest, bytes);
    lock.lock();
  }
}

Status RegionFile::write(std::string_view name, ByteSpan bytes) {
  auto found = state->byName.find(name);
  if (found != state->byName.end() &&
      state->regions[found->second].bytes != bytes.size())
    return internalError(path(), ": tensor ", quote(name), " has ",
                         state->regions[found->second].bytes, " bytes, ",
                         bytes.size(), " were given");
  return writePart(name, 0, bytes);
}

Status RegionFile::writePart(std::string_view name, uint64_t offset,
                             ByteSpan bytes) {
  auto found = state->byName.find(name);
  if (found == state->byName.end())
    return internalError(path(), ": tensor ", quote(name), " was not declared");
  const FileRegion &region = state->regions[found->second];
  std::optional<uint64_t> end = checkedAdd(offset, bytes.size());
  if (!end || *end > region.bytes)
    return internalError(path(), ": tensor ", quote(name), " has ",
                         region.bytes, " bytes, ", bytes.size(),
                         " were given at ", offset);
  if (bytes.empty())
    return {};
  QOPT_CHECK(
      state->claim(region, region.offset + offset, region.offset + *end));
  QOPT_CHECK(file.writeAt(region.offset + offset, bytes.data(), bytes.size()));
  flush(region.offset + offset, bytes.size());
  return {};
}

Status RegionFile::finish() {
  for (const FileRegion &region : state->regions) {
    if (region.bytes == 0)
      continue;
    auto after = state->written.upper_bound(region.offset);
    if (after == state->written.begin() ||
        std::prev(after)->second < region.offset + region.bytes)
      return internalError(path(), ": tensor ", quote(region.name),
                           " is not completely written");
  }
  return file.commit();
}
