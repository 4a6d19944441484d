//===- GgufStream.cpp - weights on their way into a GGUF file -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "GgufStream.h"

#include "qopt/Support/Stopwatch.h"
#include "qopt/Support/TaskQueue.h"

#include <deque>
#include <iomanip>
#include <map>

using namespace mlir;
using namespace qopt;
using namespace qopt::detail;

/// Weights that are encoded at once.
static constexpr int64_t kPiece = 8 << 20;
/// Pieces that are read before they are needed, or wait to be written.
static constexpr size_t kReadAhead = 4, kWriteBehind = 2;

std::string GgufStreamTimes::text() const {
  auto phase = [](double seconds, const char *name, int64_t bytes,
                  const char *of) {
    return str(std::fixed, std::setprecision(1), seconds, " s ", name, " (",
               std::setprecision(2), bytes * 1e-9 / std::max(seconds, 1e-9),
               " GB/s", of, ")");
  };
  return str(phase(encoding, "encoding", weights * sizeof(float), " of f32"),
             std::fixed, std::setprecision(1), ", waiting ", waitedForReading,
             " s for reading and ", waitedForWriting,
             " s for writing; beside it ",
             phase(reading, "reading", bytesIn, ""), " and ",
             phase(writing, "writing", bytesOut, ""));
}

namespace {

/// Rows of one weight.
struct Piece {
  size_t tensor;                  // in the declarations
  uint64_t offset;                // in the tensor of the file, in bytes
  std::shared_ptr<GgufPart> part; // the reader may still have it
  int64_t first, count;

  int64_t weights() const { return count * part->columns(); }
};

/// The pieces of all weights in turn.
class Pieces {
public:
  Pieces(const std::vector<GgufWeight> &weights,
         const ImportanceMatrix *importance, SourceFiles &files)
      : weights(weights), importance(importance), files(files) {}

  bool empty() const { return tensor == weights.size(); }
  Result<Piece> next() {
    const GgufWeight &weight = weights[tensor];
    if (!part) {
      QOPT_ASSIGN(GgufPart opened,
                  GgufPart::open(weight, index, importance, files));
      part = std::make_shared<GgufPart>(std::move(opened));
    }
    int64_t count = std::min(part->rowsAtOnce(kPiece), part->rows() - first);
    Piece piece{tensor, offset, part, first, count};
    offset +=
        findFormat(weight.declaration.type)->rowBytes(part->columns()) * count;
    first += count;
    if (first == part->rows()) {
      part = nullptr;
      first = 0;
      ++index;
    }
    if (index == weight.globals.size()) {
      index = offset = 0;
      ++tensor;
    }
    return piece;
  }

private:
  const std::vector<GgufWeight> &weights;
  const ImportanceMatrix *importance;
  SourceFiles &files;
  size_t tensor = 0, index = 0; // of the weight, of its global
  uint64_t offset = 0;
  int64_t first = 0;
  std::shared_ptr<GgufPart> part; // null: not opened
};

/// Says what became of codes that were found for another file or grid.
void noteGroupedCodes(const std::vector<GgufWeight> &weights,
                      float largestError, Progress &progress) {
  std::map<GgufType, int64_t> counts;
  for (const GgufWeight &weight : weights)
    for (ml_program::GlobalOp global : weight.globals)
      if (isa_and_nonnull<GroupedAttr>(weightScheme(global.getType())))
        ++counts[weight.declaration.type];
  for (auto [type, count] : counts)
    progress.note(str(count, " weights keep their codes, as ",
                      findFormat(type)->ggmlName,
                      type == GgufType::Q4_1 ? "" : ", and their scales"));
  if (largestError > 0)
    progress.note(str("minima of Q4_1 blocks are rounded to f16, by at most ",
                      largestError));
}

} // namespace

Result<GgufStreamTimes>
qopt::detail::writeWeights(const std::vector<GgufWeight> &weights,
                           const ImportanceMatrix *importance,
                           QuantizationContext &services, GgufOutput &output) {
  constexpr int64_t million = 1000000;
  GgufStreamTimes times;
  for (const GgufWeight &weight : weights)
    times.weights += weight.count();
  services.progress().begin("writing millions of weights",
                            (times.weights + million - 1) / million);
  Pieces pieces(weights, importance, services.files());
  std::deque<Piece> ahead; // being read, or read
  Stopwatch encoding, waitingForReading, waitingForWriting;
  float largestError = 0;
  int64_t done = 0;    // weights
  uint64_t number = 0; // of the piece, from 1 on
  TaskQueue reader(kReadAhead), writer(kWriteBehind);
  while (!pieces.empty() || !ahead.empty()) {
    while (!pieces.empty() && ahead.size() < kReadAhead) {
      QOPT_ASSIGN(Piece piece, pieces.next());
      times.bytesIn += piece.part->inputBytes(piece.count);
      ahead.push_back(piece);
      QOPT_CHECK(reader.push(
          [piece] { return piece.part->load(piece.first, piece.count); }));
    }
    Piece piece = std::move(ahead.front());
    ahead.pop_front();
    ++number;
    QOPT_CHECK(waitingForReading.measure([&] { return reader.wait(number); }));
    if (services.progress().stopped())
      return makeError(ErrorKind::Interrupted, "stopped; nothing was written");
    QOPT_ASSIGN(GgufBytes encoded, encoding.measure([&] {
      return piece.part->bytes(piece.first, piece.count, services);
    }));
    piece.part->release(piece.first, piece.count);
    largestError = std::max(largestError, encoded.largestError);
    times.bytesOut += encoded.bytes.size();
    auto bytes =
        std::make_shared<std::vector<uint8_t>>(std::move(encoded.bytes));
    QOPT_CHECK(waitingForWriting.measure([&] {
      return writer.push(
          [&output, bytes, tensor = piece.tensor, offset = piece.offset] {
            return output.write(tensor, offset, *bytes);
          });
    }));
    int64_t before = done / million;
    done += piece.weights();
    services.progress().advance(done / million - before);
  }
  QOPT_CHECK(waitingForWriting.measure([&] { return writer.wait(); }));
  services.progress().end();
  noteGroupedCodes(weights, largestError, services.progress());
  times.encoding = encoding.seconds();
  times.waitedForReading = waitingForReading.seconds();
  times.waitedForWriting = waitingForWriting.seconds();
  times.reading = reader.busySeconds();
  times.writing = writer.busySeconds();
  return times;
}
