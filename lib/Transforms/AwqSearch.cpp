//===- AwqSearch.cpp - AWQ on one block -----------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "AwqSearch.h"
#include "ViewSteps.h"

using namespace mlir;
using namespace qopt;

Status AwqSearch::measure() {
  for (const WeightGroup &group : block.groups) {
    QOPT_ASSIGN(statistics[LinearOp(group.firstLinear).getInput()],
                provider.statistics(block, group));
  }
  return {};
}

MatrixRounder AwqSearch::rounderOf(ml_program::GlobalOp weight) const {
  SchemeAttrInterface wanted = schemeFor(weight, scheme);
  if (auto grouped = dyn_cast<GroupedAttr>(wanted))
    return groupedRounder(grouped.getScheme());
  return ggufRounder(cast<GgufAttr>(wanted).getRow());
}

/// The weights of the plan that read scaled channels.
Result<std::vector<AwqSearch::Consumer>>
AwqSearch::consumersOf(const ScaleFold &fold) {
  DenseSet<Operation *> planned;
  for (const WeightGroup &group : block.groups)
    for (ml_program::GlobalOp weight : group.weights)
      planned.insert(weight);
  std::vector<Consumer> consumers;
  for (const FoldedWeight *folded : fold.consumers()) {
    if (!planned.contains(folded->weight))
      continue;
    QOPT_ASSIGN(
        WeightSource source,
        WeightSource::open(folded->weight, interpreter.services().files()));
    QOPT_ASSIGN(std::vector<float> numbers, source.readAll());
    consumers.push_back(
        {folded->weight, cast<LinearOp>(folded->reader).getInput(),
         folded->scales, std::move(numbers), rounderOf(folded->weight)});
  }
  return consumers;
}

/// mean |x| over all channels and samples that a scale touches.
std::vector<double> AwqSearch::activations(ArrayRef<Consumer> consumers,
                                           int64_t scaleCount) {
  std::vector<double> sums(scaleCount), counts(scaleCount);
  DenseSet<mlir::Value> seen;
  for (const Consumer &consumer : consumers) {
    const HessianStatistics &inputs = statistics[consumer.input];
    if (!seen.insert(consumer.input).second)
      continue;
    for (auto [column, scale] : llvm::enumerate(consumer.scales))
      if (scale != FoldedWeight::unscaled) {
        sums[scale] += inputs.meanAbsolute[column] * double(inputs.samples);
        counts[scale] += double(inputs.samples);
      }
  }
  for (auto [sum, count] : llvm::zip_equal(sums, counts))
    sum = count > 0 ? sum / count : 0;
  return sums;
}

/// The same for the relative size of the weights.
static std::vector<double> weightMagnitudes(ArrayRef<ConstMatrix> matrices,
                                            ArrayRef<int64_t> scaleOf,
                                            int64_t groupLength,
                                            int64_t scaleCount) {
  std::vector<double> sums(scaleCount), counts(scaleCount);
  for (ConstMatrix matrix : matrices) {
    std::vector<double> columns = relativeMagnitudes(matrix, groupLength);
    for (auto [column, scale] : llvm::enumerate(scaleOf))
      if (scale != FoldedWeight::unscaled) {
        sums[scale] += columns[column] * double(matrix.rows);
        counts[scale] += double(matrix.rows);
      }
  }
  for (auto [sum, count] : llvm::zip_equal(sums, counts))
    sum = count > 0 ? sum / count : 0;
  return sums;
}

static std::vector<float> gather(ArrayRef<int64_t> indices,
                                 std::span<const float> scales) {
  std::vector<float> result;
  for (int64_t index : indices)
    result.push_back(index == FoldedWeight::unscaled ? 1 : scales[index]);
  return result;
}

/// H in f32, of inputs that are divided by `scales`.
static std::vector<float> scaledHessian(const HessianStatistics &statistics,
                                        std::span<const float> scales) {
  const int64_t columns = statistics.columns;
  std::vector<float> result(columns * columns);
  for (int64_t i = 0; i < columns; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      double value = statistics.hessian[i * columns + j];
      if (!scales.empty())
        value /= double(scales[i]) * scales[j];
      result[i * columns + j] = float(value);
    }
  return result;
}

Result<double> AwqSearch::lossOf(ArrayRef<Consumer> consumers,
                                 std::span<const float> scales,
                                 BlockTrial *trial) {
  double loss = 0;
  for (const Consumer &consumer : consumers) {
    Tensor numbers = Tensor::copyOf(consumer.matrix());
    QOPT_CHECK(roundScaled(compute(), consumer.round,
                           gather(consumer.scales, scales),
                           numbers.mutableMatrix()));
    if (trial) {
      QOPT_CHECK(interpreter.weights().replace(
          ml_program::GlobalOp(consumer.weight).getSymName(),
          std::move(numbers)));
      continue;
    }
    for (int64_t row = 0; row < numbers.rows(); ++row)
      for (int64_t k = 0; k < numbers.columns(); ++k)
        numbers.mutableMatrix()(row, k) -= consumer.matrix()(row, k);
    const HessianStatistics &inputs = statistics[consumer.input];
    std::vector<float> hessian = scaledHessian(inputs, {});
    loss += outputError(compute(), numbers.matrix(),
                        {hessian.data(), inputs.columns, inputs.columns});
  }
  return trial ? trial->loss() : loss;
}

Result<std::optional<AwqChoice>> AwqSearch::choose(const ScaleFold &fold,
                                                   const AwqOptions &options) {
  QOPT_ASSIGN(std::vector<Consumer> consumers, consumersOf(fold));
  if (consumers.empty())
    return std::nullopt;
  std::vector<double> activation = activations(consumers, fold.scaleCount);
  if (llvm::all_of(activation, [](double mean) { return mean == 0; })) {
    emitWarning(LinearOp(fold.linear).getLoc(),
                "its input is not scaled: no calibration sample reaches it");
    return std::nullopt;
  }
  std::vector<double> weight;
  if (options.duo) {
    std::vector<ConstMatrix> matrices;
    for (const Consumer &consumer : consumers)
      if (consumer.scales == consumers.front().scales)
        matrices.push_back(consumer.matrix());
    auto grouped =
        dyn_cast<GroupedAttr>(schemeFor(consumers.front().weight, scheme));
    int64_t columns = consumers.front().matrix().columns;
    weight = weightMagnitudes(matrices, consumers.front().scales,
                              grouped ? grouped.getScheme().groupLength(columns)
                                      : columns,
                              fold.scaleCount);
  }
  DenseSet<Operation *> weights;
  for (const Consumer &consumer : consumers)
    weights.insert(consumer.weight);
  Operation *from = nullptr; // consumers() are in the order of the block
  for (const FoldedWeight *folded : fold.consumers())
    if (!from && weights.contains(folded->weight))
      from = folded->reader;
  QOPT_ASSIGN(std::unique_ptr<BlockTrial> trial,
              provider.makeTrial(block, from));
  Result<AwqChoice> choice = searchAwqScales(
      activation, weight, options, [&](std::span<const float> scales) {
        return lossOf(consumers, scales, trial.get());
      });
  for (const Consumer &consumer : consumers)
    interpreter.weights().restore(
        ml_program::GlobalOp(consumer.weight).getSymName());
  if (!choice)
    return tl::unexpected(choice.error());
  return std::optional(std::move(*choice));
}

Status AwqSearch::fold(const ScaleFold &fold, const AwqChoice &choice) {
  QOPT_CHECK(applyScales(fold, choice.scales, interpreter.module(),
                         interpreter.services().files()));
  for (const FoldedWeight &folded : fold.weights)
    interpreter.weights().restore(
        ml_program::GlobalOp(folded.weight).getSymName());
  for (const FoldedWeight *folded : fold.consumers())
    columnScales[folded->weight] = gather(folded->scales, choice.scales);
  return {};
}

//===----------------------------------------------------------------------===//
// Clipping
//===----------------------------------------------------------------------===//

Result<Tensor> AwqSearch::rounded(const WeightSource &source,
                                  const MatrixRounder &round) {
  Tensor numbers(source.rows(), source.columns());
  QOPT_CHECK(source.readRows(0, numbers.mutableMatrix()));
  QOPT_CHECK(round(compute(), numbers.mutableMatrix()));
  return numbers;
}

/// What narrows the groups of a weight [N, K] by steps [N, G].
static ClipAttr clipOf(ml_program::GlobalOp weight, const GroupedScheme &scheme,
                       ArrayRef<uint8_t> steps) {
  MLIRContext *context = weight.getContext();
  auto type = cast<ShapedType>(weight.getType());
  const int64_t columns = type.getDimSize(1);
  auto stepType =
      RankedTensorType::get({type.getDimSize(0), scheme.groups(columns)},
                            IntegerType::get(context, 8));
  return ClipAttr::get(context, scheme.groupLength(columns),
                       DenseElementsAttr::get(stepType, steps));
}

Result<int64_t> AwqSearch::clip(const WeightGroup &group) {
  const HessianStatistics &inputs =
      statistics[LinearOp(group.firstLinear).getInput()];
  if (inputs.samples == 0)
    return 0;
  WeightStore &store = interpreter.weights();
  SourceFiles &files = interpreter.services().files();
  QOPT_ASSIGN(std::unique_ptr<BlockTrial> trial,
              provider.makeTrial(block, group.firstLinear));
  double best = 0;
  if (trial) {
    for (ml_program::GlobalOp weight : group.weights) {
      QOPT_ASSIGN(WeightSource source, WeightSource::open(weight, files));
      QOPT_ASSIGN(Tensor numbers, rounded(source, rounderOf(weight)));
      QOPT_CHECK(store.replace(weight.getSymName(), std::move(numbers)));
    }
    QOPT_ASSIGN(best, trial->loss());
  }
  int64_t clipped = 0;
  for (ml_program::GlobalOp weight : group.weights) {
    auto grouped = dyn_cast<GroupedAttr>(schemeFor(weight, scheme));
    if (!grouped)
      continue;
    QOPT_ASSIGN(WeightSource source, WeightSource::open(weight, files));
    QOPT_ASSIGN(std::vector<float> numbers, source.readAll());
    std::vector<float> hessian = scaledHessian(inputs, columnScales[weight]);
    QOPT_ASSIGN(std::vector<uint8_t> steps,
                searchClips(compute(),
                            {numbers.data(), source.rows(), source.columns()},
                            {hessian.data(), inputs.columns, inputs.columns},
                            grouped.getScheme()));
    if (llvm::all_of(steps, [](uint8_t step) { return step == 0; }))
      continue;
    Attribute before = weight.getValueAttr();
    Type type = weight.getType();
    addViewStep(interpreter.module(), weight,
                clipOf(weight, grouped.getScheme(), steps));
    ++clipped;
    if (!trial)
      continue;
    // What is better for the outputs of the linear may be worse for the block.
    QOPT_ASSIGN(WeightSource view, WeightSource::open(weight, files));
    QOPT_ASSIGN(Tensor after, rounded(view, rounderOf(weight)));
    QOPT_CHECK(store.replace(weight.getSymName(), after));
    QOPT_ASSIGN(double loss, trial->loss());
    if (loss < best) {
      best = loss;
      continue;
    }
    --clipped;
    setWeight(interpreter.module(), weight, before, type);
    QOPT_ASSIGN(Tensor unclipped, rounded(source, rounderOf(weight)));
    QOPT_CHECK(store.replace(weight.getSymName(), std::move(unclipped)));
  }
  for (ml_program::GlobalOp weight : group.weights)
    store.restore(weight.getSymName());
  return clipped;
}
