//===- WeightStore.cpp - f32 weights, made when they are needed ---===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Interp/WeightStore.h"
#include "qopt/Numerics/Ops.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"

using namespace mlir;
using namespace qopt;

WeightStore::WeightStore(ModuleOp module, QuantizationContext &services,
                         int64_t maxMemory)
    : module(module), services(services), maxMemory(maxMemory) {}

Status WeightStore::open(llvm::StringRef symbol) {
  return find(symbol).map([](Entry *) {});
}

Result<WeightStore::Entry *> WeightStore::find(llvm::StringRef symbol) {
  Entry &entry = entries[symbol];
  if (entry.source)
    return &entry;
  auto global = module.lookupSymbol<ml_program::GlobalOp>(symbol);
  if (!global)
    return badInput("the module has no global @", symbol.str());
  if (global.getIsMutable())
    return badInput("@", symbol.str(), ": a weight must not be mutable");
  QOPT_ASSIGN(entry.source, WeightSource::open(global, services.files()));
  return &entry;
}

/// Decodes a matrix, in pieces of rows where every row can be read by itself.
static Result<Tensor> decode(const WeightSource &source, ThreadPool &pool) {
  Tensor matrix(source.rows(), source.columns());
  constexpr int64_t elementsPerPiece = 1 << 16;
  int64_t piece =
      source.readsByRow()
          ? std::max<int64_t>(1, elementsPerPiece /
                                     std::max<int64_t>(1, source.columns()))
          : std::max<int64_t>(1, source.rows());
  int64_t pieces = (source.rows() + piece - 1) / piece;
  std::vector<Status> outcomes(pieces);
  pool.parallelFor(pieces, [&](int64_t task) {
    int64_t first = task * piece;
    int64_t rows = std::min(piece, source.rows() - first);
    outcomes[task] = source.readRows(
        first, matrix.mutableMatrix().block(first, 0, rows, source.columns()));
  });
  for (Status &outcome : outcomes)
    QOPT_CHECK(std::move(outcome));
  return matrix;
}

Result<Tensor> WeightStore::get(llvm::StringRef symbol) {
  QOPT_ASSIGN(Entry * entry, find(symbol));
  if (entry->replacement)
    return *entry->replacement;
  if (entry->decoded) {
    uses.splice(uses.begin(), uses, entry->use);
    return *entry->decoded;
  }
  // Room is made first, so that the peak stays near the budget.
  int64_t bytes =
      entry->source->rows() * entry->source->columns() * int64_t(sizeof(float));
  while (!uses.empty() && cached > maxMemory - std::min(bytes, maxMemory))
    drop(*uses.back());
  QOPT_ASSIGN(Tensor matrix, decode(*entry->source, services.compute().pool));
  if (bytes <= maxMemory) {
    entry->decoded = matrix;
    entry->use = uses.insert(uses.begin(), entry);
    cached += bytes;
  }
  return matrix;
}

void WeightStore::drop(Entry &entry) {
  cached -= entry.decoded->bytes();
  entry.decoded.reset();
  uses.erase(entry.use);
}

Result<Tensor> WeightStore::gather(llvm::StringRef symbol,
                                   const Indices &tokens) {
  QOPT_ASSIGN(Entry * entry, find(symbol));
  const WeightSource &source = *entry->source;
  Tensor rows(tokens->size(), source.columns());
  if (entry->replacement || entry->decoded || !source.readsByRow()) {
    QOPT_ASSIGN(Tensor table, get(symbol));
    QOPT_CHECK(gatherRows(services.compute(), table.matrix(), *tokens,
                          rows.mutableMatrix()));
    return rows;
  }
  for (auto [index, token] : llvm::enumerate(*tokens)) {
    if (token < 0 || token >= source.rows())
      return badInput("token ", token, " is outside of the table of ",
                      source.rows(), " rows");
    QOPT_CHECK(source.readRows(
        token, rows.mutableMatrix().block(index, 0, 1, source.columns())));
  }
  return rows;
}

Status WeightStore::replace(llvm::StringRef symbol, Tensor matrix) {
  QOPT_ASSIGN(Entry * entry, find(symbol));
  if (matrix.rows() != entry->source->rows() ||
      matrix.columns() != entry->source->columns())
    return badInput("@", symbol.str(), " is ", entry->source->rows(), "x",
                    entry->source->columns(), "; a matrix of ", matrix.rows(),
                    "x", matrix.columns(), " cannot replace it");
  if (entry->decoded)
    drop(*entry);
  entry->replacement = std::move(matrix);
  return {};
}

void WeightStore::restore(llvm::StringRef symbol) {
  auto found = entries.find(symbol);
  if (found == entries.end())
    return;
  if (found->second.decoded)
    drop(found->second);
  entries.erase(found);
}
