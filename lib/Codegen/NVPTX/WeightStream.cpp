//===- WeightStream.cpp - packed weights through shared memory ------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "WeightStream.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

static constexpr int64_t tilesPerChunk =
    MmaLayout::chunkColumns / MmaLayout::tileColumns;

/// Where the parts of a slot begin.
static int64_t scalesPlace(const LinearSpec &spec) {
  return tilesPerChunk * spec.weight.tileBytes();
}
static int64_t zerosPlace(const LinearSpec &spec) {
  return scalesPlace(spec) + Parameters::scaleBytes(spec);
}
static int64_t supersPlace(const LinearSpec &spec) {
  return zerosPlace(spec) + Parameters::zeroBytes(spec);
}

int64_t WeightStream::slotBytes(const LinearSpec &spec) {
  return supersPlace(spec) + Parameters::superBytes(spec);
}

WeightStream::WeightStream(KernelBuilder &b, const LinearSpec &spec,
                           const WeightPointers &pointers, Value lane,
                           Value half)
    : decode(b, spec), parameters(b, spec, decode), b(b), spec(spec),
      lane(lane), half(half) {
  auto ofLane = [&](Value pointer) {
    return pointer ? b.advance(pointer, lane, 16) : pointer;
  };
  this->pointers = {ofLane(pointers.packed), ofLane(pointers.scales),
                    ofLane(pointers.zeros), ofLane(pointers.superScales)};
  lane16 = b.mul(lane, 16);
  policy = b.evictFirst();
}

void WeightStream::copyRecords(Value address, Value component, Value index,
                               int64_t recordBytes, int64_t bytes,
                               Value present, Value policy) {
  constexpr int64_t warpBytes = 32 * 16;
  Value source = b.advance(component, index, recordBytes);
  Value target = b.add(address, lane16);
  for (int64_t first = 0; first < bytes; first += warpBytes) {
    auto copy = [&] {
      b.copyAsync(b.add(target, first), b.advance(source, b.i32(first), 1), 16,
                  present, policy);
    };
    if (first + warpBytes <= bytes)
      copy();
    else
      b.when(b.less(lane, (bytes - first) / 16), copy);
  }
}

Value WeightStream::firstOf(Value chunk, int64_t columns) {
  constexpr int64_t chunkColumns = MmaLayout::chunkColumns;
  return columns < chunkColumns ? b.mul(chunk, chunkColumns / columns)
                                : b.div(chunk, columns / chunkColumns);
}

void WeightStream::copy(Value address, Value tile, Value chunk, Value present) {
  const MmaLayout &weight = spec.weight;
  Value chunkOfAll = b.add(b.mul(tile, spec.chunks()), chunk);
  int64_t codeBytes = tilesPerChunk * weight.tileBytes();
  copyRecords(address, pointers.packed, chunkOfAll, codeBytes, codeBytes,
              present, policy);

  Value record = chunkOfAll;
  if (!spec.hierarchy().hasLevels())
    record = b.add(b.mul(tile, weight.paddedGroups()),
                   firstOf(chunk, spec.groupLength()));
  copyRecords(b.add(address, scalesPlace(spec)), pointers.scales, record,
              weight.scaleRecord(), Parameters::scaleBytes(spec), present);
  if (pointers.zeros)
    copyRecords(b.add(address, zerosPlace(spec)), pointers.zeros, record,
                MmaLayout::tileRows, Parameters::zeroBytes(spec), present);
  if (pointers.superScales) {
    Value super = b.add(b.mul(tile, weight.superBlocks()),
                        firstOf(chunk, spec.hierarchy().superSize));
    copyRecords(b.add(address, supersPlace(spec)), pointers.superScales, super,
                weight.superRecord(), Parameters::superBytes(spec), present);
  }
}

ParameterWords WeightStream::parametersOf(Value address, int64_t group) {
  const int64_t places[] = {scalesPlace(spec), zerosPlace(spec),
                            supersPlace(spec)};
  auto load = [&](Parameters::Component component, Value offset,
                  int64_t bytes) -> Value {
    Value place = b.add(b.add(address, places[component]), offset);
    if (int64_t bytes = Parameters::halfBytes(spec, component); half && bytes)
      place = b.add(place, b.mul(half, bytes));
    return b.loadShared(b.integers(bytes), place, bytes);
  };
  return parameters.read(group, b.div(lane, 4), load);
}

int64_t WeightStream::columns() const {
  return half ? MmaLayout::tileColumns : MmaLayout::chunkColumns;
}

int64_t WeightStream::groups() const {
  return std::max<int64_t>(1, columns() / spec.groupLength());
}

Dequantizer::CodeWords WeightStream::codes(Value address, int64_t tile) {
  if (half)
    address = b.add(address, b.mul(half, spec.weight.tileBytes()));
  return decode.loadCodes(b.add(address, tile * spec.weight.tileBytes()), lane);
}
