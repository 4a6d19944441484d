//===- BlockSuffix.cpp - the rest of a block, again and again -------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Interp/BlockSuffix.h"
#include "LiveValues.h"

using namespace mlir;
using namespace qopt;

Result<BlockSuffix> BlockRunner::split(Operation *from) {
  func::FuncOp function = block(next);
  if (from->getParentOp() != function)
    return internalError("the op is not one of the block");
  Block &body = function.getBody().front();
  llvm::SetVector<mlir::Value> live = liveAcross(from);
  QOPT_ASSIGN(const Program *prefix,
              interpreter->prepare(function, body.begin(), from->getIterator(),
                                   body.getArguments(), live.getArrayRef()));
  llvm::SmallVector<mlir::Value> arguments(body.getArguments());
  llvm::append_range(arguments, live);
  QOPT_ASSIGN(const Program *rest,
              interpreter->prepare(function, from->getIterator(),
                                   std::prev(body.end()), arguments,
                                   body.getTerminator()->getOperands()));
  BlockSuffix suffix(*this, rest);
  QOPT_CHECK(forEachBatch(
      rowsPerBatch,
      [&](int64_t first, int64_t rows,
          llvm::ArrayRef<RuntimeValue> entryArguments) -> Status {
        QOPT_ASSIGN(std::vector<RuntimeValue> values,
                    interpreter->run(prefix, blockArguments(next, first, rows,
                                                            entryArguments)));
        suffix.live.push_back(std::move(values));
        return {};
      }));
  return suffix;
}

Status
BlockSuffix::run(llvm::function_ref<Status(const Tensor &output)> use) const {
  size_t batch = 0;
  return runner->forEachBatch(
      BlockRunner::rowsPerBatch,
      [&](int64_t first, int64_t rows,
          llvm::ArrayRef<RuntimeValue> entryArguments) -> Status {
        std::vector<RuntimeValue> arguments = runner->blockArguments(
            runner->position(), first, rows, entryArguments);
        llvm::append_range(arguments, live[batch++]);
        QOPT_ASSIGN(Tensor output, runner->interpreter->runToTensor(
                                       program, std::move(arguments)));
        return use(output);
      });
}
