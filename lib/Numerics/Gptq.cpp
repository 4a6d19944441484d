//===- Gptq.cpp - quantization that corrects its errors -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Rows of W do not influence each other. A task takes a few panels of rows,
// transposed so that a column of a panel is one run of `lanes` numbers, and
// works through all columns without waiting for anyone:
//
//   for each block of columns
//     for each column j: quantize; err = (w − ŵ) / U_jj;
//                        w_c −= err · U_jc for the later columns of the block
//     w_c −= Σ_j err_j · U_jc for the columns after the block (matrix product)
//
// A panel's errors are already packed as the right factor of that product; U is
// packed once for all tasks. tr(E H Eᵀ) = Σ err², because E = Err · U and
// U H Uᵀ = I.
//
//===----------------------------------------------------------------------===//
#include "qopt/Numerics/Gptq.h"
#include "FirstError.h"
#include "GptqDescent.h"
#include "KernelTable.h"

#include <algorithm>
#include <memory>

using namespace qopt;

/// Panels of a task share each packed piece of U that they read.
static constexpr int64_t panelsPerTask = 4;

namespace {
struct Block {
  int64_t begin, end;
  std::unique_ptr<float[]> upper; // U[begin:end, end:], packed for the product
};

/// Everything that is the same for all rows.
struct Plan {
  const GptqFactor &factor;
  const KernelTable &kernels;
  std::function<Result<GroupGrid>(std::span<const float> weights,
                                  std::span<const float> importance)>
      finder;
  bool staticGrids;
  std::vector<Block> blocks;
  std::vector<float> importance; // [K], stored order

  int64_t lanes() const { return kernels.f32.tileColumns; }
  int64_t group(int64_t step) const {
    return factor.permutation[step] / factor.groupLength;
  }
};

/// One panel of rows while its columns are visited.
struct Panel {
  int64_t firstRow, rows;
  std::unique_ptr<float[]> weights; // [K, lanes], in the order of the visit
  std::unique_ptr<uint8_t[]> codes; // [K, lanes]
  std::vector<float> errors;        // [block, lanes]
  std::vector<float> scale, zero;   // [lanes]
  double loss = 0;
};
} // namespace

/// Ends a block early where a group begins that reaches past it: its grid must
/// see the errors of all columns before it.
static std::vector<Block> cutBlocks(const Plan &plan, int64_t size) {
  const int64_t columns = plan.factor.columns;
  std::vector<Block> blocks;
  for (int64_t begin = 0; begin < columns;) {
    int64_t end = std::min(columns, begin + size);
    if (!plan.staticGrids && end < columns &&
        plan.group(end - 1) == plan.group(end)) {
      int64_t start = end - 1;
      while (start > begin && plan.group(start - 1) == plan.group(end))
        --start;
      if (start > begin)
        end = start;
    }
    blocks.push_back({begin, end, nullptr});
    begin = end;
  }
  return blocks;
}

static void packUpper(const ComputeContext &context, Plan &plan) {
  const int64_t columns = plan.factor.columns;
  const int64_t tileRows = plan.kernels.f32.tileRows;
  context.pool.parallelFor(plan.blocks.size(), [&](int64_t index) {
    Block &block = plan.blocks[index];
    const int64_t depth = block.end - block.begin, rest = columns - block.end;
    const int64_t panels = (rest + tileRows - 1) / tileRows;
    block.upper =
        std::make_unique_for_overwrite<float[]>(panels * tileRows * depth);
    for (int64_t column = 0; column < rest; column += tileRows)
      plan.kernels.f32.pack(
          plan.factor.upper.data() + block.begin * columns + block.end + column,
          1, columns, std::min(tileRows, rest - column), depth, int(tileRows),
          block.upper.get() + column * depth);
  });
}

/// Chooses the grid of one group of one row and records it.
static Status setGrid(const Plan &plan, std::span<const float> weights,
                      std::span<const float> importance, int64_t row,
                      int64_t group, GroupedMatrix &target) {
  Result<GroupGrid> grid = plan.finder(weights, importance);
  if (!grid)
    return makeError(grid.error().kind, "row ", row, ", group ", group, ": ",
                     grid.error().message);
  target.scales[row * target.groups() + group] = grid->scaleBits;
  if (!target.scheme.symmetric)
    target.zeros[row * target.groups() + group] = uint8_t(grid->zero);
  return {};
}

/// The grids of all groups of a panel, on the original weights.
static Status setStaticGrids(const Plan &plan, ConstMatrix weights,
                             const Panel &panel, GroupedMatrix &target) {
  const int64_t length = plan.factor.groupLength;
  std::span<const float> importance = plan.importance;
  std::vector<float> group(length);
  for (int64_t row = panel.firstRow; row < panel.firstRow + panel.rows; ++row)
    for (int64_t g = 0; g < target.groups(); ++g) {
      const int64_t begin = g * length;
      const int64_t count = std::min(length, target.columns - begin);
      for (int64_t k = 0; k < count; ++k)
        group[k] = plan.factor.dead[begin + k] ? 0 : weights(row, begin + k);
      QOPT_CHECK(setGrid(plan, {group.data(), size_t(count)},
                         importance.subspan(begin, count), row, g, target));
    }
  return {};
}

/// The grids of the group that begins at `step`, on the updated weights.
static Status setGroupGrids(const Plan &plan, const Panel &panel, int64_t step,
                            GroupedMatrix &target) {
  const int64_t index = plan.group(step), lanes = plan.lanes();
  const int64_t count =
      std::min(plan.factor.groupLength,
               target.columns - index * plan.factor.groupLength);
  std::vector<float> group(count), importance(count);
  for (int64_t k = 0; k < count; ++k)
    importance[k] = plan.importance[plan.factor.permutation[step + k]];
  for (int64_t lane = 0; lane < panel.rows; ++lane) {
    for (int64_t k = 0; k < count; ++k)
      group[k] = panel.weights[(step + k) * lanes + lane];
    QOPT_CHECK(
        setGrid(plan, group, importance, panel.firstRow + lane, index, target));
  }
  return {};
}

static Panel loadPanel(const Plan &plan, ConstMatrix weights,
                       int64_t firstRow) {
  const int64_t lanes = plan.lanes(), columns = plan.factor.columns;
  Panel panel;
  panel.firstRow = firstRow;
  panel.rows = std::min(lanes, weights.rows - firstRow);
  panel.weights = std::make_unique<float[]>(columns * lanes);
  panel.codes = std::make_unique_for_overwrite<uint8_t[]>(columns * lanes);
  // Lanes beyond the last row hold zeros on a grid of whole numbers.
  panel.scale.assign(lanes, 1);
  panel.zero.assign(lanes, 0);
  for (int64_t step = 0; step < columns; ++step) {
    const int64_t column = plan.factor.permutation[step];
    if (plan.factor.dead[column])
      continue;
    for (int64_t lane = 0; lane < panel.rows; ++lane)
      panel.weights[step * lanes + lane] = weights(firstRow + lane, column);
  }
  return panel;
}

static Status quantizeBlock(const Plan &plan, const Block &block, Panel &panel,
                            GroupedMatrix &target) {
  const int64_t lanes = plan.lanes(), columns = plan.factor.columns;
  panel.errors.resize((block.end - block.begin) * lanes);
  for (int64_t step = block.begin; step < block.end; ++step) {
    const int64_t group = plan.group(step);
    const bool starts = step == 0 || plan.group(step - 1) != group;
    if (starts && !plan.staticGrids)
      QOPT_CHECK(setGroupGrids(plan, panel, step, target));
    if (starts)
      for (int64_t lane = 0; lane < panel.rows; ++lane) {
        const int64_t row = panel.firstRow + lane;
        panel.scale[lane] =
            f16ToF32(target.scales[row * target.groups() + group]);
        panel.zero[lane] = float(target.zero(row, group));
      }
    float *errors = panel.errors.data() + (step - block.begin) * lanes;
    plan.kernels.gptqColumn(
        {panel.weights.get() + step * lanes, block.end - step,
         plan.factor.upper.data() + step * columns + step, panel.scale.data(),
         panel.zero.data(), float(target.scheme.maxCode()),
         panel.codes.get() + step * lanes, errors});
    for (int64_t lane = 0; lane < panel.rows; ++lane)
      panel.loss += double(errors[lane]) * errors[lane];
  }
  return {};
}

/// Subtracts the errors of a block from the columns after it.
static void updateRest(const Plan &plan, const Block &block,
                       std::span<Panel> panels) {
  const GemmKernels<float> &kernels = plan.kernels.f32;
  const int64_t depth = block.end - block.begin, lanes = plan.lanes();
  const int64_t rest = plan.factor.columns - block.end;
  // The errors of one panel stay in the first-level cache, U in the second.
  for (Panel &panel : panels)
    for (int64_t column = 0; column < rest; column += kernels.tileRows)
      kernels.tile(depth, block.upper.get() + column * depth,
                   panel.errors.data(),
                   panel.weights.get() + (block.end + column) * lanes, lanes,
                   int(std::min<int64_t>(kernels.tileRows, rest - column)),
                   int(lanes), TileMode::Subtract);
}

static Status quantizePanels(const Plan &plan, ConstMatrix weights,
                             int64_t firstRow, GroupedMatrix &target,
                             double &loss) {
  const int64_t lanes = plan.lanes(), columns = plan.factor.columns;
  std::vector<Panel> panels;
  for (int64_t i = 0; i < panelsPerTask; ++i)
    if (firstRow + i * lanes < weights.rows)
      panels.push_back(loadPanel(plan, weights, firstRow + i * lanes));
  if (plan.staticGrids)
    for (Panel &panel : panels)
      QOPT_CHECK(setStaticGrids(plan, weights, panel, target));
  for (const Block &block : plan.blocks) {
    for (Panel &panel : panels)
      QOPT_CHECK(quantizeBlock(plan, block, panel, target));
    updateRest(plan, block, panels);
  }
  for (const Panel &panel : panels) {
    loss += panel.loss;
    for (int64_t lane = 0; lane < panel.rows; ++lane) {
      uint8_t *codes = target.codes.data() + (panel.firstRow + lane) * columns;
      for (int64_t step = 0; step < columns; ++step)
        codes[plan.factor.permutation[step]] = panel.codes[step * lanes + lane];
    }
  }
  return {};
}

Result<GptqResult> qopt::gptqQuantize(const ComputeContext &context,
                                      ConstMatrix weights,
                                      const GptqFactor &factor,
                                      const GroupedScheme &scheme,
                                      const GptqOptions &options) {
  QOPT_CHECK(checkScheme(scheme));
  QOPT_CHECK(checkFinite(weights));
  if (options.block < 1)
    return usageError("block must be positive, not ", options.block);
  if (weights.columns != factor.columns ||
      scheme.groupLength(weights.columns) != factor.groupLength)
    return internalError("the factor was made for ", factor.columns,
                         " columns in groups of ", factor.groupLength);
  const bool descends =
      factor.descent && options.rounds > 0 && !options.gridFinder;
  Plan plan{factor, kernelsFor(context.isa),
            {},     options.staticGroups || factor.order == GptqOrder::Act,
            {},     factor.importance};
  plan.importance.resize(factor.columns, 1);
  plan.finder = [&](std::span<const float> group,
                    std::span<const float> importance) {
    if (options.gridFinder)
      return options.gridFinder(group);
    return descends && !options.mse
               ? findWeightedGrid(context.isa, group, importance, scheme)
               : findGrid(group, scheme, {options.mse});
  };
  plan.blocks = cutBlocks(plan, options.block);
  packUpper(context, plan);

  GptqResult result;
  result.matrix = GroupedMatrix(scheme, weights.rows, weights.columns);
  result.damping = factor.damping;
  result.dampingRaised = factor.dampingRaised;
  const int64_t rowsPerTask = panelsPerTask * plan.lanes();
  const int64_t tasks = (weights.rows + rowsPerTask - 1) / rowsPerTask;
  FirstError errors(tasks);
  std::vector<double> losses(tasks);
  context.pool.parallelFor(tasks, [&](int64_t task) {
    if (Status status = quantizePanels(plan, weights, task * rowsPerTask,
                                       result.matrix, losses[task]);
        !status)
      errors.set(task, std::move(status.error()));
  });
  QOPT_CHECK(std::move(errors).status());
  for (double loss : losses)
    result.proxyLoss += loss;
  if (descends)
    result.proxyLoss = factor.descent->run(context, weights, factor.dead,
                                           result.matrix, options.rounds);
  if (!std::isfinite(result.proxyLoss))
    return badInput("the error corrections overflow; raise damp (now ",
                    options.damp, ")");
  return result;
}

Result<GptqResult> qopt::gptqQuantize(const ComputeContext &context,
                                      ConstMatrix weights,
                                      std::span<const double> hessian,
                                      const GroupedScheme &scheme,
                                      const GptqOptions &options) {
  QOPT_ASSIGN(GptqFactor factor,
              gptqFactor(context, hessian, weights.columns, scheme, options));
  return gptqQuantize(context, weights, factor, scheme, options);
}
