// Machine code that is kept: used when it is whole and nobody else can have
// put it there.
#include "IO/TestFiles.h"
#include "qopt/Codegen/CPU/Jit.h"
#include "qopt/Codegen/CPU/ObjectFile.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Parser/Parser.h"

using namespace qopt;
using namespace qopt::test;
namespace fs = std::filesystem;

namespace {
struct ObjectCache : testing::Test {
  ObjectCache() { context.loadDialect<mlir::LLVM::LLVMDialect>(); }

  /// A module of kernels with one, which returns a number.
  mlir::OwningOpRef<mlir::ModuleOp> kernels(int number) {
    std::string text = R"(module @qopt_cpu_kernels {
      llvm.func @number() -> i32 attributes {target_cpu = "x86-64"} {
        %0 = llvm.mlir.constant()" +
                       std::to_string(number) + R"( : i32) : i32
        llvm.return %0 : i32
      }
    })";
    return mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  }

  // What is in front of code of the JIT is not of a compiler's.
  [[clang::no_sanitize("function")]] int run(mlir::ModuleOp module) {
    auto jit = cpu::Jit::compile(module, {}, &cache);
    if (!jit)
      ADD_FAILURE() << jit.error().message;
    return (*jit->lookup<int()>("number"))();
  }

  std::string file(mlir::ModuleOp module) {
    return scratch.path("code/llvmcache-" + cpu::ObjectCache::keyOf(module));
  }

  mlir::MLIRContext context;
  TemporaryDirectory scratch;
  cpu::ObjectCache cache{scratch.path("code")};
};
} // namespace

TEST_F(ObjectCache, WhatIsKeptRuns) {
  auto one = kernels(1), two = kernels(2);
  EXPECT_FALSE(cache.find(cpu::ObjectCache::keyOf(*one)));
  EXPECT_EQ(run(*one), 1);
  EXPECT_TRUE(cache.find(cpu::ObjectCache::keyOf(*one)));
  EXPECT_EQ(run(*two), 2);
  // Under another's name it would run, too.
  fs::copy_file(file(*two), file(*one), fs::copy_options::overwrite_existing);
  EXPECT_EQ(run(*one), 2);
}

TEST_F(ObjectCache, DamagedObjectsAreMadeAnew) {
  auto one = kernels(1);
  EXPECT_EQ(run(*one), 1);
  const uintmax_t size = fs::file_size(file(*one));
  for (uintmax_t length : {size - 1, size / 2, uintmax_t(5), uintmax_t(0)}) {
    fs::resize_file(file(*one), length);
    EXPECT_FALSE(cache.find(cpu::ObjectCache::keyOf(*one)));
    EXPECT_EQ(run(*one), 1);
    EXPECT_EQ(fs::file_size(file(*one)), size);
  }
  {
    std::fstream stream(file(*one),
                        std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(100);
    stream.put('x');
  }
  EXPECT_FALSE(cache.find(cpu::ObjectCache::keyOf(*one)));
  EXPECT_EQ(run(*one), 1);
}

TEST_F(ObjectCache, DirectoriesOfOthersAreNotUsed) {
  auto one = kernels(1), two = kernels(2);
  EXPECT_EQ(run(*one), 1);
  EXPECT_EQ(fs::status(scratch.path("code")).permissions(),
            fs::perms::owner_all);
  EXPECT_EQ(run(*two), 2);
  fs::copy_file(file(*two), file(*one), fs::copy_options::overwrite_existing);
  fs::permissions(scratch.path("code"), fs::perms::group_write,
                  fs::perm_options::add);
  EXPECT_EQ(run(*one), 1);
  auto three = kernels(3);
  EXPECT_EQ(run(*three), 3);
  EXPECT_FALSE(fs::exists(file(*three)));
}

TEST_F(ObjectCache, NoPlaceIsNoError) {
  scratch.write("code", "a file, and no directory");
  auto one = kernels(1);
  EXPECT_EQ(run(*one), 1);
}
