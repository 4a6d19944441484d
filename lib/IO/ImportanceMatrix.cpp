//===- ImportanceMatrix.cpp - llama.cpp's imatrix -------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/ImportanceMatrix.h"
#include "qopt/IO/Gguf.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

using namespace qopt;

static constexpr std::string_view sumSuffix = ".in_sum2";
static constexpr std::string_view countSuffix = ".counts";
static constexpr const char *typeKey = "general.type";
static constexpr const char *datasetsKey = "imatrix.datasets";
static constexpr const char *chunksKey = "imatrix.chunk_count";
static constexpr const char *chunkSizeKey = "imatrix.chunk_size";

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

static std::vector<float> floatsOf(ByteSpan bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

/// Sums of squares are finite and not negative, and so are counts, of whole
/// tokens.
static Status checkEntry(const std::string &file,
                         const ImportanceEntry &entry) {
  auto wrong = [&](std::string_view what, size_t index, float value) {
    return badInput(file, ": ", quote(entry.tensor), ": ", what, " ", index,
                    " is ", value, "; measure the importance matrix again");
  };
  for (size_t i = 0; i < entry.sumSquares.size(); ++i)
    if (float sum = entry.sumSquares[i]; !(sum >= 0) || !std::isfinite(sum))
      return wrong("value", i, sum);
  for (size_t i = 0; i < entry.counts.size(); ++i)
    if (float count = entry.counts[i];
        count != 0 && (!(count >= 1) || !std::isfinite(count)))
      return wrong("count", i, count);
  return {};
}

static Result<ImportanceMatrix> parseGgufForm(ByteSpan bytes,
                                              const std::string &file) {
  QOPT_ASSIGN(GgufHeader header, parseGguf(bytes, file));
  const GgufMetadata &metadata = header.metadata;
  QOPT_ASSIGN(std::string_view type, metadata.getString(typeKey, "imatrix"));
  if (type != "imatrix")
    return badInput(file, ": is of type ", quote(type),
                    ", not an importance matrix");
  ImportanceMatrix matrix;
  if (metadata.contains(datasetsKey)) {
    QOPT_ASSIGN(const std::vector<std::string> *texts,
                metadata.getStrings(datasetsKey));
    matrix.datasets = *texts;
  }
  QOPT_ASSIGN(uint64_t chunks, metadata.getUnsigned(chunksKey, 0));
  QOPT_ASSIGN(uint64_t chunkSize, metadata.getUnsigned(chunkSizeKey, 0));
  if (chunks > UINT32_MAX || chunkSize > UINT32_MAX)
    return badInput(file, ": ", chunksKey, " or ", chunkSizeKey,
                    " is beyond 32 bits");
  matrix.chunks = uint32_t(chunks);
  matrix.chunkSize = uint32_t(chunkSize);

  std::map<std::string_view, const GgufTensor *> counts;
  for (const GgufTensor &tensor : header.tensors)
    if (tensor.name.ends_with(countSuffix))
      counts.emplace(std::string_view(tensor.name)
                         .substr(0, tensor.name.size() - countSuffix.size()),
                     &tensor);
  for (const GgufTensor &tensor : header.tensors) {
    if (!tensor.name.ends_with(sumSuffix))
      continue;
    std::string name =
        tensor.name.substr(0, tensor.name.size() - sumSuffix.size());
    auto count = counts.find(name);
    if (count == counts.end())
      return badInput(file, ": ", quote(name), ": has sums but no counts");
    const GgufTensor &counted = *count->second;
    if (tensor.type != GgufType::F32 || counted.type != GgufType::F32)
      return badInput(file, ": ", quote(name), ": sums and counts must be F32");
    // One count per matrix, or one for all.
    if (counted.rowLength() != 1 ||
        (counted.rows() != 1 && counted.rows() != tensor.rows()))
      return badInput(file, ": ", quote(name), ": ", counted.rows(), " x ",
                      counted.rowLength(), " counts do not fit sums of ",
                      tensor.rows(), " matrices");
    ImportanceEntry entry{
        name, floatsOf(bytes.subspan(tensor.offset, tensor.bytes)),
        floatsOf(bytes.subspan(counted.offset, counted.bytes))};
    entry.counts.resize(tensor.rows(), entry.counts.front());
    matrix.set(std::move(entry));
  }
  return matrix;
}

static Result<uint64_t> readCount(ByteReader &reader, std::string_view what,
                                  int32_t atLeast) {
  QOPT_ASSIGN(int32_t value, reader.read<int32_t>(what));
  if (value < atLeast)
    return reader.error(what, " is ", value,
                        " (is this an importance matrix?)");
  return uint64_t(value);
}

static Result<std::string> readText(ByteReader &reader, std::string_view what,
                                    uint64_t bytes) {
  if (bytes > reader.remaining())
    return reader.error(what, " needs ", bytes, " bytes, the file has ",
                        reader.remaining(),
                        " left (is this an importance matrix?)");
  QOPT_ASSIGN(ByteSpan raw, reader.take(bytes, what));
  std::string text(reinterpret_cast<const char *>(raw.data()), raw.size());
  if (!isUtf8(text))
    return reader.error(what, " ", quote(text), " is not UTF-8");
  return text;
}

static Result<ImportanceMatrix> parseDatForm(ByteSpan bytes,
                                             const std::string &file) {
  ByteReader reader(bytes, file);
  ImportanceMatrix matrix;
  QOPT_ASSIGN(uint64_t entries, readCount(reader, "the number of entries", 1));
  for (uint64_t i = 0; i < entries; ++i) {
    QOPT_ASSIGN(uint64_t length, readCount(reader, "the length of a name", 1));
    QOPT_ASSIGN(std::string name, readText(reader, "a name", length));
    if (matrix.find(name))
      return reader.error(quote(name), " stands there twice");
    QOPT_ASSIGN(uint64_t calls, readCount(reader, "the number of calls", 0));
    QOPT_ASSIGN(uint64_t count, readCount(reader, "the number of values", 1));
    QOPT_ASSIGN(ByteSpan raw, reader.take(count * sizeof(float), "values"));
    // How many matrices the values belong to is known to the model alone.
    matrix.set({name, floatsOf(raw), {float(std::max<uint64_t>(calls, 1))}});
  }
  // Files of the first version end here.
  if (reader.remaining() == 0)
    return matrix;
  QOPT_ASSIGN(uint64_t chunks, readCount(reader, "the number of chunks", 0));
  matrix.chunks = uint32_t(chunks);
  QOPT_ASSIGN(uint64_t length, readCount(reader, "the length of a path", 0));
  QOPT_ASSIGN(std::string dataset,
              readText(reader, "the path of the text", length));
  if (!dataset.empty())
    matrix.datasets.push_back(std::move(dataset));
  if (reader.remaining() > 0)
    return reader.error(reader.remaining(), " bytes follow the end");
  return matrix;
}

Result<ImportanceMatrix> qopt::parseImportance(ByteSpan bytes,
                                               const std::string &file) {
  const bool gguf = bytes.size() >= 4 && !std::memcmp(bytes.data(), "GGUF", 4);
  QOPT_ASSIGN(ImportanceMatrix matrix,
              gguf ? parseGgufForm(bytes, file) : parseDatForm(bytes, file));
  if (matrix.all.empty())
    return badInput(file, ": holds no importance of any tensor");
  for (const ImportanceEntry &entry : matrix.all)
    QOPT_CHECK(checkEntry(file, entry));
  matrix.file = file;
  return matrix;
}

Result<ImportanceMatrix> ImportanceMatrix::open(const std::string &path) {
  QOPT_ASSIGN(auto mapped, MappedFile::open(path));
  QOPT_CHECK(mapped->stillWhole());
  return parseImportance(mapped->bytes(), path);
}

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

const ImportanceEntry *ImportanceMatrix::find(std::string_view tensor) const {
  auto found = byName.find(std::string(tensor));
  return found == byName.end() ? nullptr : &all[found->second];
}

void ImportanceMatrix::set(ImportanceEntry entry) {
  auto [place, added] = byName.emplace(entry.tensor, all.size());
  if (added)
    all.push_back(std::move(entry));
  else
    all[place->second] = std::move(entry);
}

void ImportanceMatrix::setMatrix(const std::string &tensor, int64_t matrix,
                                 int64_t matrices,
                                 std::span<const double> sumSquares,
                                 int64_t count) {
  if (!find(tensor))
    set({tensor, std::vector<float>(matrices * sumSquares.size()),
         std::vector<float>(matrices)});
  ImportanceEntry &entry = all[byName.at(tensor)];
  std::copy(sumSquares.begin(), sumSquares.end(),
            entry.sumSquares.begin() + matrix * sumSquares.size());
  entry.counts[matrix] = float(count);
}

Result<std::vector<float>> ImportanceMatrix::weightsOf(std::string_view tensor,
                                                       int64_t columns,
                                                       int64_t matrices) const {
  const ImportanceEntry *entry = find(tensor);
  if (!entry)
    return std::vector<float>();
  std::vector<float> weights = entry->sumSquares;
  const int64_t size = weights.size();
  if (size != columns && size != columns * matrices)
    return badInput(file, ": ", quote(tensor), " has ", size, " values for ",
                    matrices, " x ", columns,
                    " columns; it was measured on another model");
  // A count can stand for several matrices.
  const int64_t perCount = size / int64_t(entry->counts.size());
  for (int64_t i = 0; i < size; ++i) {
    const float count = entry->counts[i / perCount];
    weights[i] = count > 0 ? weights[i] / count : 1.0f;
  }
  return weights;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

Status ImportanceMatrix::write(const std::string &path, bool overwrite) const {
  GgufMetadata metadata;
  metadata.setString(typeKey, "imatrix");
  metadata.setStrings(datasetsKey, datasets);
  metadata.setU32(chunksKey, chunks);
  metadata.setU32(chunkSizeKey, chunkSize);
  std::map<std::string_view, const ImportanceEntry *> sorted;
  for (const ImportanceEntry &entry : all)
    sorted.emplace(entry.tensor, &entry);
  std::vector<GgufDeclaration> declarations;
  for (auto [name, entry] : sorted) {
    const int64_t matrices = entry->counts.size();
    const int64_t columns = int64_t(entry->sumSquares.size()) / matrices;
    declarations.push_back(
        {str(name, sumSuffix), GgufType::F32, {columns, matrices}});
    declarations.push_back(
        {str(name, countSuffix), GgufType::F32, {1, matrices}});
  }
  QOPT_ASSIGN(GgufWriter writer,
              GgufWriter::create(path, metadata, declarations, overwrite));
  auto floats = [&](const std::string &name, const std::vector<float> &values) {
    return writer.write(name, {reinterpret_cast<const uint8_t *>(values.data()),
                               values.size() * sizeof(float)});
  };
  for (auto [name, entry] : sorted) {
    QOPT_CHECK(floats(str(name, sumSuffix), entry->sumSquares));
    QOPT_CHECK(floats(str(name, countSuffix), entry->counts));
  }
  return writer.finish();
}
