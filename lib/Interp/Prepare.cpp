//===- Prepare.cpp - from ops to programs ---------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Program.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "llvm/ADT/DenseMap.h"

using namespace mlir;
using namespace qopt;

std::string qopt::locationText(Location location) {
  if (auto file = location->findInstanceOf<FileLineColLoc>())
    return str(file.getFilename().str(), ":", file.getLine(), ":",
               file.getColumn());
  return "unknown location";
}

Error qopt::errorAt(Operation *op, llvm::StringRef reason) {
  return {ErrorKind::BadInput,
          str(locationText(op->getLoc()), ": '",
              op->getName().getStringRef().str(), "': ", reason.str())};
}

Error qopt::errorAt(Operation *op, const Error &error) {
  return {error.kind, errorAt(op, error.message).message};
}

namespace {

/// Builds one program: gives every SSA value a slot and finds last uses.
class ProgramBuilder {
public:
  using FindFunction = std::function<Result<const Program *>(func::FuncOp)>;

  ProgramBuilder(ModuleOp module, WeightStore &weights,
                 FindFunction findFunction)
      : module(module), weights(weights),
        findFunction(std::move(findFunction)) {}

  Result<std::unique_ptr<Program>> build(Block::iterator first,
                                         Block::iterator last,
                                         ValueRange arguments,
                                         ValueRange results) {
    for (mlir::Value argument : arguments) {
      program->arguments.push_back(define(argument));
      program->argumentTypes.push_back(argument.getType());
    }
    for (Operation &op : llvm::make_range(first, last))
      QOPT_CHECK(add(&op));
    for (mlir::Value result : results) {
      QOPT_ASSIGN(int slot, use(result, result.getDefiningOp()));
      program->results.push_back(slot);
    }
    markLastUses();
    return std::move(program);
  }

private:
  int define(mlir::Value value) { return slots[value] = program->slotCount++; }

  /// The slot of a value. A constant from outside of the translated range is
  /// translated with it.
  Result<int> use(mlir::Value value, Operation *user) {
    if (auto found = slots.find(value); found != slots.end())
      return found->second;
    Operation *op = value.getDefiningOp();
    if (op && (op->hasTrait<OpTrait::ConstantLike>() ||
               isa<ml_program::GlobalLoadConstOp>(op))) {
      QOPT_CHECK(add(op));
      return slots.find(value)->second;
    }
    return tl::unexpected(errorAt(
        user ? user : value.getParentRegion()->getParentOp(),
        "reads a value that is computed elsewhere; expected only arguments, "
        "constants and results of this part of the function"));
  }

  Status add(Operation *op) {
    Step step;
    step.op = op;
    for (mlir::Value operand : op->getOperands()) {
      QOPT_ASSIGN(int slot, use(operand, op));
      step.operands.push_back(slot);
    }
    if (auto call = dyn_cast<func::CallOp>(op)) {
      auto callee = module.lookupSymbol<func::FuncOp>(call.getCallee());
      if (!callee)
        return tl::unexpected(errorAt(op, "calls a function that is not in "
                                          "the module"));
      QOPT_ASSIGN(step.callee, findFunction(callee));
    } else {
      step.kernel = findKernel(op);
      if (!step.kernel)
        return tl::unexpected(
            errorAt(op, "the interpreter does not execute this op"));
    }
    if (auto load = dyn_cast<ml_program::GlobalLoadConstOp>(op))
      if (Status opened =
              weights.open(load.getGlobal().getLeafReference().getValue());
          !opened)
        return tl::unexpected(errorAt(op, opened.error().message));
    for (mlir::Value result : op->getResults())
      step.results.push_back(define(result));
    program->steps.push_back(std::move(step));
    return {};
  }

  void markLastUses() {
    std::vector<bool> alive(program->slotCount, false);
    for (int slot : program->results)
      alive[slot] = true;
    for (Step &step : llvm::reverse(program->steps)) {
      for (auto *list : {&step.results, &step.operands})
        for (int slot : *list)
          if (!alive[slot]) {
            alive[slot] = true;
            step.dead.push_back(slot);
          }
    }
  }

  ModuleOp module;
  WeightStore &weights;
  FindFunction findFunction;
  std::unique_ptr<Program> program = std::make_unique<Program>();
  llvm::DenseMap<mlir::Value, int> slots;
};

} // namespace

Result<const Program *> Interpreter::prepare(func::FuncOp function) {
  auto [place, isNew] = functions.try_emplace(function, nullptr);
  if (!isNew) {
    if (!place->second)
      return tl::unexpected(errorAt(function, "recursion is not executed"));
    return place->second.get();
  }
  auto build = [&]() -> Result<std::unique_ptr<Program>> {
    if (function.isExternal())
      return tl::unexpected(errorAt(function, "the function has no body"));
    if (!function.getBody().hasOneBlock())
      return tl::unexpected(errorAt(function, "control flow is not executed"));
    Block &body = function.getBody().front();
    ProgramBuilder builder(
        root, store, [&](func::FuncOp callee) { return prepare(callee); });
    return builder.build(body.begin(), std::prev(body.end()),
                         body.getArguments(),
                         body.getTerminator()->getOperands());
  };
  auto program = build();
  if (!program) {
    functions.erase(function);
    return tl::unexpected(program.error());
  }
  (*program)->name = "@" + function.getSymName().str();
  place->second = std::move(*program);
  return place->second.get();
}

Result<const Program *> Interpreter::prepare(func::FuncOp function,
                                             Block::iterator first,
                                             Block::iterator last,
                                             ValueRange arguments,
                                             ValueRange results) {
  ProgramBuilder builder(root, store,
                         [&](func::FuncOp callee) { return prepare(callee); });
  QOPT_ASSIGN(auto program, builder.build(first, last, arguments, results));
  program->name = "part of @" + function.getSymName().str();
  return fragments.emplace_back(std::move(program)).get();
}
