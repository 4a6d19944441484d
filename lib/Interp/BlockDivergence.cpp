//===- BlockDivergence.cpp - how the error grows block by block -----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Interp/BlockDivergence.h"
#include "qopt/Interp/KvCache.h"
#include "qopt/Numerics/ErrorMetrics.h"
#include "qopt/Numerics/Gemm.h"
#include "qopt/Numerics/RelativeError.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"

#include <cmath>
#include <functional>

using namespace qopt;

namespace {

/// The functions of a model, each run on all windows at once.
class ModelParts {
public:
  static Result<ModelParts>
  open(Interpreter &interpreter,
       const std::vector<std::vector<int32_t>> &windows);

  int64_t blockCount() const { return int64_t(structure.blocks.size()); }
  ComputeContext compute() const { return interpreter->services().compute(); }
  Interpreter &runner() const { return *interpreter; }

  /// The hidden states before block 0.
  Result<Tensor> embed() const { return call(prelude, {}, {}); }
  Result<Tensor> block(int64_t index, const Tensor &hidden,
                       const RunOptions &options = {}) const;
  /// Of all positions.
  Result<Tensor> logits(const Tensor &hidden) const;

private:
  Result<Tensor> call(const Program *program, std::vector<unsigned> arguments,
                      const RunOptions &options,
                      const Tensor *hidden = nullptr) const;

  Interpreter *interpreter = nullptr;
  BlockStructure structure;
  const Program *prelude = nullptr, *tail = nullptr;
  std::vector<int32_t> tokens;
  std::vector<int64_t> counts;
};

Result<ModelParts>
ModelParts::open(Interpreter &interpreter,
                 const std::vector<std::vector<int32_t>> &windows) {
  ModelParts parts;
  parts.interpreter = &interpreter;
  QOPT_ASSIGN(parts.structure, BlockStructure::find(interpreter.module()));
  BlockStructure &structure = parts.structure;
  if (!structure.entry || structure.calls.empty())
    return badInput("the model is not cut into blocks (llm.block)");
  for (const std::vector<int32_t> &window : windows) {
    parts.tokens.insert(parts.tokens.end(), window.begin(), window.end());
    parts.counts.push_back(window.size());
  }
  mlir::Block &body = structure.entry.getBody().front();
  mlir::func::CallOp first = structure.calls.front(),
                     last = structure.calls.back();
  QOPT_ASSIGN(parts.prelude,
              interpreter.prepare(structure.entry, body.begin(),
                                  first->getIterator(), body.getArguments(),
                                  first.getOperand(0)));
  llvm::SmallVector<mlir::Value> arguments(body.getArguments());
  arguments.push_back(last.getResult(0));
  QOPT_ASSIGN(parts.tail, interpreter.prepare(
                              structure.entry, std::next(last->getIterator()),
                              std::prev(body.end()), arguments,
                              body.getTerminator()->getOperands()));
  return parts;
}

/// With `hidden`, a block: that and some arguments of the entry.
Result<Tensor> ModelParts::call(const Program *program,
                                std::vector<unsigned> arguments,
                                const RunOptions &options,
                                const Tensor *hidden) const {
  KvCache cache(counts.size());
  Indices positions = cache.beginCall(counts);
  RuntimeValue entry[] = {makeIndices(tokens), positions, &cache};
  std::vector<RuntimeValue> values;
  if (hidden) {
    values.push_back(Tensor::copyOf(hidden->matrix()));
    for (unsigned argument : arguments)
      values.push_back(entry[argument]);
  } else {
    values.assign(std::begin(entry), std::end(entry));
  }
  return interpreter->runToTensor(program, std::move(values), options);
}

Result<Tensor> ModelParts::block(int64_t index, const Tensor &hidden,
                                 const RunOptions &options) const {
  if (interpreter->services().progress().stopped())
    return makeError(ErrorKind::Interrupted, "stopped");
  QOPT_ASSIGN(const Program *program,
              interpreter->prepare(structure.blocks[index]));
  std::vector<unsigned> arguments;
  mlir::func::CallOp callOp = structure.calls[index];
  for (mlir::Value operand : callOp.getOperands().drop_front())
    arguments.push_back(
        mlir::cast<mlir::BlockArgument>(operand).getArgNumber());
  return call(program, std::move(arguments), options, &hidden);
}

Result<Tensor> ModelParts::logits(const Tensor &hidden) const {
  KvCache cache(counts.size());
  Indices positions = cache.beginCall(counts);
  return interpreter->runToTensor(tail, {makeIndices(tokens), positions, &cache,
                                         Tensor::copyOf(hidden.matrix())});
}

/// Runs blocks from `first` on, then norm and head.
Result<Tensor> finish(const ModelParts &model, int64_t first, Tensor hidden) {
  for (int64_t block = first; block < model.blockCount(); ++block) {
    QOPT_ASSIGN(hidden, model.block(block, hidden));
  }
  return model.logits(hidden);
}

/// The symbol of a linear's weight, "" if it is none.
std::string weightSymbol(LinearOp linear) {
  auto load =
      linear.getWeight().getDefiningOp<mlir::ml_program::GlobalLoadConstOp>();
  return load ? load.getGlobal().getRootReference().str() : "";
}

/// Runs a block and hands on the output of each of its linears, without bias.
Result<Tensor>
observedBlock(const ModelParts &model, int64_t index, const Tensor &hidden,
              const std::function<void(const std::string &, Tensor)> &use) {
  RunOptions options;
  options.observer = [&](LinearOp linear, ConstMatrix input) -> Status {
    std::string symbol = weightSymbol(linear);
    if (symbol.empty())
      return {};
    QOPT_ASSIGN(Tensor weight, model.runner().weights().get(symbol));
    Tensor output(input.rows, weight.rows());
    gemm(model.compute(), input, weight.matrix(), output.mutableMatrix());
    use(symbol, std::move(output));
    return {};
  };
  return model.block(index, hidden, options);
}

/// Compares logits with those of the reference, window by window.
class Comparison {
public:
  Comparison(const std::vector<std::vector<int32_t>> &windows, Tensor reference,
             ComputeContext compute)
      : windows(windows), reference(std::move(reference)), compute(compute) {}

  /// KL at every prediction.
  std::vector<double> divergences(const Tensor &logits) const {
    std::vector<double> all;
    forEachWindow([&](int64_t first, int64_t predictions, size_t) {
      std::vector<double> values =
          klDivergences(compute, part(reference, first, predictions),
                        part(logits, first, predictions));
      all.insert(all.end(), values.begin(), values.end());
    });
    return all;
  }

  double perplexity(const Tensor &logits) const {
    std::vector<double> all;
    forEachWindow([&](int64_t first, int64_t predictions, size_t window) {
      std::vector<double> values = negativeLogLikelihoods(
          compute, part(logits, first, predictions),
          std::span(windows[window]).subspan(1, predictions));
      all.insert(all.end(), values.begin(), values.end());
    });
    return std::exp(mean(all));
  }

  double top1(const Tensor &logits, int64_t total) const {
    int64_t agreeing = 0;
    forEachWindow([&](int64_t first, int64_t predictions, size_t) {
      agreeing +=
          countTop1Agreement(compute, part(reference, first, predictions),
                             part(logits, first, predictions));
    });
    return double(agreeing) / double(total);
  }

  double referencePerplexity() const { return perplexity(reference); }

private:
  static ConstMatrix part(const Tensor &logits, int64_t first, int64_t rows) {
    return logits.matrix().block(first, 0, rows, logits.columns());
  }
  template <typename Visit> void forEachWindow(Visit visit) const {
    int64_t first = 0;
    for (size_t i = 0; i < windows.size(); ++i) {
      visit(first, int64_t(windows[i].size()) - 1, i);
      first += windows[i].size();
    }
  }

  const std::vector<std::vector<int32_t>> &windows;
  Tensor reference;
  ComputeContext compute;
};

} // namespace

Result<BlockDivergences>
qopt::blockDivergences(Interpreter &model, Interpreter &reference,
                       std::vector<std::vector<int32_t>> windows,
                       Progress &progress) {
  QOPT_ASSIGN(ModelParts own, ModelParts::open(model, windows));
  QOPT_ASSIGN(ModelParts other, ModelParts::open(reference, windows));
  if (own.blockCount() != other.blockCount())
    return badInput("the models have ", own.blockCount(), " and ",
                    other.blockCount(), " blocks");
  progress.begin("measuring blocks", own.blockCount() + 1);
  QOPT_ASSIGN(Tensor start, other.embed());
  QOPT_ASSIGN(Tensor expected, finish(other, 0, std::move(start)));
  Comparison comparison(windows, std::move(expected), own.compute());

  BlockDivergences result;
  QOPT_ASSIGN(Tensor hidden, own.embed());
  for (int64_t block = 0; block < own.blockCount(); ++block) {
    std::map<std::string, Tensor> outputs;
    QOPT_CHECK(observedBlock(other, block, hidden,
                             [&](const std::string &symbol, Tensor output) {
                               outputs[symbol] = std::move(output);
                             }));
    QOPT_ASSIGN(hidden,
                observedBlock(own, block, hidden,
                              [&](const std::string &symbol, Tensor output) {
                                auto found = outputs.find(symbol);
                                if (found != outputs.end() &&
                                    found->second.size() == output.size()) {
                                  RelativeError error;
                                  error.add(found->second.values(),
                                            output.values());
                                  result.outputErrors[symbol] = error.value();
                                }
                              }));
    QOPT_ASSIGN(Tensor logits, finish(other, block + 1, hidden));
    result.afterBlock.push_back(mean(comparison.divergences(logits)));
    progress.advance();
  }
  QOPT_ASSIGN(Tensor logits, own.logits(hidden));
  std::vector<double> all = comparison.divergences(logits);
  result.tokens = int64_t(all.size());
  result.whole = {mean(all), quantile(all, 0.99),
                  comparison.top1(logits, result.tokens)};
  result.perplexity = comparison.perplexity(logits);
  result.referencePerplexity = comparison.referencePerplexity();
  progress.advance();
  progress.end();
  return result;
}
