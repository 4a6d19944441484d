//===- FileStats.cpp - statistics that were saved by a calibration run ---===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/Safetensors.h"
#include "qopt/Transforms/StatsProvider.h"

#include <charconv>
#include <cstring>

using namespace mlir;
using namespace qopt;

namespace {

class FileStats : public StatsProvider {
public:
  explicit FileStats(SafetensorsFile file) : file(std::move(file)) {}

  Result<HessianStatistics> statistics(const PlannedBlock &,
                                       const WeightGroup &group) override {
    std::string weight = group.name();
    const std::string *saved = metadata(weight);
    if (!saved)
      return badInput(file.file().path(), ": has no statistics for @", weight,
                      "; calibrate this model again");
    HessianStatistics result;
    int64_t columns = result.columns = group.columns();
    QOPT_ASSIGN(result.samples, savedSamples(*saved));
    QOPT_ASSIGN(std::vector<float> hessian,
                read(*saved + ".hessian", {columns, columns}));
    result.hessian.assign(hessian.begin(), hessian.end());
    QOPT_ASSIGN(std::vector<float> mean, read(*saved + ".mean_abs", {columns}));
    result.meanAbsolute.assign(mean.begin(), mean.end());
    QOPT_ASSIGN(std::vector<float> squares,
                read(*saved + ".sum_squares", {columns}));
    result.sumSquares.assign(squares.begin(), squares.end());
    QOPT_ASSIGN(result.maxAbsolute, read(*saved + ".max_abs", {columns}));
    return result;
  }

private:
  const std::string *metadata(std::string_view key) const {
    for (const auto &[name, value] : file.metadata())
      if (name == key)
        return &value;
    return nullptr;
  }

  Result<int64_t> savedSamples(const std::string &group) const {
    const std::string *text = metadata(group + ".samples");
    int64_t count = 0;
    if (!text ||
        std::from_chars(text->data(), text->data() + text->size(), count).ec !=
            std::errc() ||
        count < 0)
      return badInput(file.file().path(), ": metadata '", group,
                      ".samples' is not a count");
    return count;
  }

  Result<std::vector<float>> read(const std::string &name,
                                  std::vector<int64_t> shape) const {
    const SafetensorsTensor *tensor = file.find(name);
    if (!tensor || tensor->dtype != DType::F32 || tensor->shape != shape)
      return badInput(file.file().path(), ": has no F32 tensor '", name,
                      "' of the shape that the model needs; calibrate this "
                      "model again");
    QOPT_ASSIGN(ByteSpan bytes, file.data(*tensor));
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }

  SafetensorsFile file;
};

template <typename Range>
Status writeFloats(SafetensorsWriter &writer, const std::string &name,
                   const Range &values) {
  std::vector<float> narrowed(values.begin(), values.end());
  return writer.write(name, {reinterpret_cast<const uint8_t *>(narrowed.data()),
                             narrowed.size() * sizeof(float)});
}

} // namespace

Result<std::unique_ptr<StatsProvider>>
qopt::fileStats(const std::string &path) {
  QOPT_ASSIGN(SafetensorsFile file, SafetensorsFile::open(path));
  return std::make_unique<FileStats>(std::move(file));
}

Status qopt::measureGroups(
    const QuantizationPlan &plan, StatsProvider &provider, Progress &progress,
    llvm::function_ref<Status(const WeightGroup &, const HessianStatistics &)>
        use) {
  std::vector<const PlannedBlock *> blocks = plan.measuredBlocks();
  if (plan.weightCount() == 0)
    return badInput("the module has no float linear to calibrate");
  progress.begin("calibrating blocks", blocks.size());
  for (const PlannedBlock *block : blocks) {
    for (const WeightGroup &group : block->groups) {
      QOPT_ASSIGN(HessianStatistics statistics,
                  provider.statistics(*block, group));
      QOPT_CHECK(use(group, statistics));
    }
    QOPT_CHECK(provider.finishBlock(*block));
    progress.advance();
  }
  progress.end();
  return {};
}

/// Every group sees the same number of rows. It is known after the first one,
/// which is when the header can be written.
Status StatsWriter::begin(int64_t samples) {
  std::vector<SafetensorsDeclaration> declarations;
  StringPairs metadata;
  for (const PlannedBlock *block : plan.measuredBlocks())
    for (const WeightGroup &group : block->groups) {
      int64_t columns = group.columns();
      declarations.push_back(
          {group.name() + ".hessian", DType::F32, {columns, columns}});
      for (const char *suffix : {".mean_abs", ".sum_squares", ".max_abs"})
        declarations.push_back({group.name() + suffix, DType::F32, {columns}});
      for (ml_program::GlobalOp weight : group.weights)
        metadata.emplace_back(weight.getSymName().str(), group.name());
      metadata.emplace_back(group.name() + ".samples", std::to_string(samples));
    }
  QOPT_ASSIGN(writer,
              SafetensorsWriter::create(path, declarations, metadata, true));
  return {};
}

Status StatsWriter::add(const WeightGroup &group,
                        const HessianStatistics &statistics) {
  if (!writer)
    QOPT_CHECK(begin(statistics.samples));
  std::string name = group.name();
  QOPT_CHECK(writeFloats(*writer, name + ".hessian", statistics.hessian));
  QOPT_CHECK(writeFloats(*writer, name + ".mean_abs", statistics.meanAbsolute));
  QOPT_CHECK(
      writeFloats(*writer, name + ".sum_squares", statistics.sumSquares));
  return writeFloats(*writer, name + ".max_abs", statistics.maxAbsolute);
}

Status StatsWriter::finish() { return writer->finish(); }
