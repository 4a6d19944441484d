//===- Jit.cpp - kernels compiled into this process -----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Codegen/CPU/Jit.h"
#include "qopt/Codegen/CPU/ObjectFile.h"
#include "qopt/Codegen/CPU/Passes.h"

#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::cpu;

Jit::Jit(std::unique_ptr<llvm::orc::LLJIT> engine)
    : engine(std::move(engine)) {}
Jit::Jit(Jit &&) = default;
Jit &Jit::operator=(Jit &&) = default;
Jit::~Jit() = default;

/// From the cache if it is there. A cache that cannot be written costs time,
/// and nothing else.
static Result<std::string> objectOf(ModuleOp module, const ObjectCache *cache) {
  if (!cache)
    return emitObject(module);
  std::string key = ObjectCache::keyOf(findKernelModule(module));
  if (std::optional<std::string> known = cache->find(key))
    return *known;
  QOPT_ASSIGN(std::string object, emitObject(module));
  (void)cache->keep(key, object);
  return object;
}

/// The JIT loads the same object that would go into a file, so that both ways
/// run the same instructions.
Result<Jit> Jit::compile(ModuleOp module, Symbols symbols,
                         const ObjectCache *cache) {
  QOPT_ASSIGN(CpuTarget target, kernelTarget(module));
  if (std::string missing = target.missingOnHost(); !missing.empty())
    return usageError("the kernels are made for '", target.cpu(),
                      "' and need '", missing, "', which this machine lacks");
  QOPT_ASSIGN(std::string object, objectOf(module, cache));
  auto engine = llvm::orc::LLJITBuilder().create();
  if (!engine)
    return internalError("cannot start the JIT: ",
                         llvm::toString(engine.takeError()));
  if (llvm::Error error = (*engine)->addObjectFile(
          llvm::MemoryBuffer::getMemBufferCopy(object, "qopt_cpu_kernels")))
    return internalError("cannot load the kernels: ",
                         llvm::toString(std::move(error)));
  llvm::orc::SymbolMap known;
  for (auto [name, address] : symbols)
    known[(*engine)->mangleAndIntern(name)] = {
        llvm::orc::ExecutorAddr::fromPtr(address),
        llvm::JITSymbolFlags::Exported};
  if (!known.empty())
    if (llvm::Error error = (*engine)->getMainJITDylib().define(
            llvm::orc::absoluteSymbols(std::move(known))))
      return internalError("cannot load the kernels: ",
                           llvm::toString(std::move(error)));
  return Jit(std::move(*engine));
}

Result<void *> Jit::lookupAddress(StringRef name) const {
  auto address = engine->lookup(name);
  if (!address)
    return usageError("no kernel '", name.str(),
                      "': ", llvm::toString(address.takeError()));
  return address->toPtr<void *>();
}
