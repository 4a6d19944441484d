#include "CpuKernelFixture.h"

#include <dlfcn.h>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace qopt;

namespace {
struct CpuKernel : testing::Test {
  CpuKernel() : context(codegenDialects()) {}

  std::vector<float> randomInput(int64_t count) {
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    std::vector<float> x(count);
    for (float &value : x)
      value = normal(random);
    return x;
  }

  /// Compares a kernel with the f64 product, of x, of x in bytes, or of x and
  /// weights in bf16; y starts as NaN and must not be written beyond its end.
  void check(void *kernel, const RandomWeight &weight, int64_t m,
             const KernelOptions &options = {}) {
    SCOPED_TRACE(str(m, " rows"));
    std::vector<float> x = randomInput(m * weight.layout.columns);
    const bool tiles = usesTiles(options, m);
    std::vector<double> expected = options.exact ? weight.multiply(x, m)
                                   : tiles       ? weight.multiplyTiled(x, m)
                                                 : weight.multiplyRounded(x, m);
    std::vector<float> y(expected.size() + 16, NAN);
    callKernel(kernel, weight, x.data(), y.data(), m);
    double largest = 0, difference = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_FALSE(std::isnan(y[i])) << "entry " << i << " was not written";
      largest = std::max(largest, std::abs(expected[i]));
      difference = std::max(difference, std::abs(expected[i] - y[i]));
    }
    // Weights between two numbers of bf16 may be rounded to either of them,
    // which is less than a tenth of what rounding changes at all.
    EXPECT_LE(difference, (tiles ? 1e-4 : 1e-5) * largest);
    for (size_t i = expected.size(); i < y.size(); ++i)
      EXPECT_TRUE(std::isnan(y[i])) << "wrote beyond the end";
  }

  void compileAndCheck(const RandomWeight &weight, const KernelOptions &options,
                       std::initializer_list<int64_t> rows) {
    SCOPED_TRACE(weight.symbol() + " for " + options.cpu + options.features +
                 (options.exact ? ", exact" : ""));
    auto module = lowerLinear(context, weight, options);
    ASSERT_TRUE(module);
    auto jit = cpu::Jit::compile(*module);
    ASSERT_TRUE(jit) << jit.error().message;
    auto kernel = jit->lookup<void()>(weight.symbol());
    ASSERT_TRUE(kernel) << kernel.error().message;
    for (int64_t m : rows)
      check(reinterpret_cast<void *>(*kernel), weight, m, options);
  }

  /// Whether this machine executes code for a target.
  static bool runs(const KernelOptions &options) {
    auto target = cpu::CpuTarget::resolve(options.cpu, options.features);
    return target && target->missingOnHost().empty();
  }

  mlir::MLIRContext context;
};

/// Targets with different instructions for products of bytes: none, SSSE3,
/// AVX2, AVX VNNI, AVX-512, AVX-512 VNNI, AMX.
const KernelOptions targets[] = {
    {"x86-64", "", false},        {"x86-64-v2", "", false},
    {"x86-64-v3", "", false},     {"x86-64-v3", "+avxvnni", false},
    {"x86-64-v4", "", false},     {"x86-64-v4", "+avx512vnni", false},
    {"sapphirerapids", "", false}};
const KernelOptions exact = {"host", "", true};
} // namespace

TEST_F(CpuKernel, EqualsTheReferenceForEverySchemeGroupAndRowCount) {
  for (int bits : {3, 4, 8})
    for (int64_t group : {32, 128, -1}) {
      RandomWeight weight({bits, group, group == 32}, 32, 288);
      compileAndCheck(weight, {}, {1, 2, 5, 15, 16});
      if (bits != 8)
        compileAndCheck(weight, exact, {1, 5});
    }
}

TEST_F(CpuKernel, EqualsTheReferenceForTheOtherWidths) {
  for (int bits : {2, 5, 6, 7}) {
    RandomWeight weight({bits, 64, false}, 20, 130);
    compileAndCheck(weight, {}, {1, 5, 18});
    compileAndCheck(weight, exact, {1, 5});
  }
}

TEST_F(CpuKernel, EqualsTheReferenceForEveryGgufType) {
  for (const FormatRow &row : formatTable()) {
    if (!row.quantized)
      continue;
    RandomWeight weight(row, 40, 2 * 256);
    compileAndCheck(weight, {}, {1, 3, 8, 16});
    compileAndCheck(weight, exact, {1, 4});
  }
}

TEST_F(CpuKernel, EqualsTheReferenceAtTails) {
  struct Case {
    int64_t rows, columns, group;
  };
  for (auto [rows, columns, group] :
       {Case{1, 1, 20}, Case{15, 31, -1}, Case{17, 33, 20}, Case{40, 300, 64},
        Case{16, 700, 290}, Case{18, 700, -1}}) {
    RandomWeight weight({4, group, false}, rows, columns);
    compileAndCheck(weight, {}, {1, 5, 17});
    compileAndCheck(weight, exact, {1, 5});
  }
}

TEST_F(CpuKernel, EqualsTheReferenceWhenRowsOfXNeedSeveralTiles) {
  compileAndCheck(RandomWeight({4, 64, true}, 16, 160), {}, {65, 131, 300});
  compileAndCheck(RandomWeight({2, 128, true}, 16, 70000), {}, {1, 3, 33});
}

TEST_F(CpuKernel, EqualsTheReferenceOnEveryInstructionSet) {
  for (const KernelOptions &target : targets) {
    if (!runs(target))
      continue; // the module is compiled for it in test/Codegen/CPU
    for (int bits : {3, 8})
      compileAndCheck(RandomWeight({bits, 32, false}, 40, 100), target,
                      {1, 21});
    for (const char *type : {"q4_1", "q2_k", "iq4_xs"})
      compileAndCheck(RandomWeight(*findFormat(type), 48, 256), target,
                      {1, 21});
  }
}

TEST_F(CpuKernel, OneObjectServesSeveralCpus) {
  // The machine takes the first one that it is, whichever that may be.
  RandomWeight weight(*findFormat("q5_k"), 33, 512);
  compileAndCheck(
      weight,
      {"sapphirerapids,x86-64-v4+avx512vnni,x86-64-v3,x86-64", "", false},
      {1, 17});
  compileAndCheck(weight, {"x86-64-v3+avxvnni,x86-64-v2,x86-64", "", false},
                  {1, 3});
}

TEST_F(CpuKernel, ActivationsOfZeroAndOfAnySizeAreRepresented) {
  RandomWeight weight({4, 32, false}, 16, 96);
  auto module = lowerLinear(context, weight);
  auto jit = cpu::Jit::compile(*module);
  ASSERT_TRUE(jit) << jit.error().message;
  void *kernel =
      reinterpret_cast<void *>(*jit->lookup<void()>(weight.symbol()));
  std::vector<float> x(96, 0.0f), y(16, NAN);
  callKernel(kernel, weight, x.data(), y.data(), 1);
  EXPECT_EQ(y, std::vector<float>(16, 0.0f));
  for (float size : {1e-30f, 1e30f}) {
    x = randomInput(96);
    for (float &value : x)
      value *= size;
    callKernel(kernel, weight, x.data(), y.data(), 1);
    std::vector<double> expected = weight.multiplyRounded(x, 1);
    double largest = 0;
    for (double value : expected)
      largest = std::max(largest, std::abs(value));
    for (int i = 0; i < 16; ++i)
      EXPECT_NEAR(y[i], expected[i], 1e-5 * largest);
  }
  x[40] = NAN;
  callKernel(kernel, weight, x.data(), y.data(), 1);
  for (float value : y)
    EXPECT_TRUE(std::isnan(value));
}

TEST_F(CpuKernel, ARowOfTheResultDoesNotDependOnTheRowsBesideIt) {
  for (const char *type : {"q4_k", "q5_1", "q8_0"}) {
    RandomWeight weight(*findFormat(type), 32, 512);
    auto module = lowerLinear(context, weight);
    auto jit = cpu::Jit::compile(*module);
    ASSERT_TRUE(jit) << jit.error().message;
    void *kernel =
        reinterpret_cast<void *>(*jit->lookup<void()>(weight.symbol()));
    std::vector<float> x = randomInput(7 * 512), many(7 * 32), one(7 * 32);
    callKernel(kernel, weight, x.data(), many.data(), 7);
    for (int64_t row = 0; row < 7; ++row)
      callKernel(kernel, weight, x.data() + row * 512, one.data() + row * 32,
                 1);
    EXPECT_EQ(one, many) << type;
    // Tiles, where there are any, begin with 16 rows.
    x = randomInput(50 * 512), many.resize(50 * 32), one.resize(50 * 32);
    callKernel(kernel, weight, x.data(), many.data(), 50);
    callKernel(kernel, weight, x.data(), one.data(), 19);
    callKernel(kernel, weight, x.data() + 19 * 512, one.data() + 19 * 32, 31);
    EXPECT_EQ(one, many) << type;
  }
}

TEST_F(CpuKernel, DecodesEveryFiniteScaleWithoutHalfPrecisionInstructions) {
  auto target = cpu::CpuTarget::resolve("x86-64-v2");
  if (!target || !target->missingOnHost().empty())
    GTEST_SKIP() << "this machine cannot run x86-64-v2";
  RandomWeight weight({4, 1, true}, 16, 62);
  uint16_t *scales = reinterpret_cast<uint16_t *>(weight.packed[1].data());
  for (int64_t group = 0; group < 62; ++group) {
    for (int64_t lane = 0; lane < 16; ++lane) // every exponent, both signs
      scales[group * 16 + lane] =
          (group % 31) << 10 | (group / 31) << 15 | lane;
    for (int64_t row = 0; row < 16; ++row)
      weight.matrix[row].scales[group] = scales[group * 16 + row];
  }
  auto module = lowerLinear(context, weight, {"x86-64-v2", "", true});
  auto jit = cpu::Jit::compile(*module);
  ASSERT_TRUE(jit) << jit.error().message;
  auto kernel = jit->lookup<void()>(weight.symbol());
  std::vector<float> x(62, 0), y(16);
  for (int64_t k = 0; k < 62; ++k) {
    x.assign(62, 0);
    x[k] = 1;
    callKernel(reinterpret_cast<void *>(*kernel), weight, x.data(), y.data(),
               1);
    std::vector<double> expected = weight.multiply(x, 1);
    for (int64_t n = 0; n < 16; ++n)
      EXPECT_EQ(y[n], expected[n]) << "column " << k;
  }
}

TEST_F(CpuKernel, GivesTheSameBitsWhenBlocksAreShared) {
  RandomWeight weight({4, 32, false}, 70, 160);
  auto module = lowerLinear(context, weight);
  auto jit = cpu::Jit::compile(*module);
  ASSERT_TRUE(jit) << jit.error().message;
  void *whole = reinterpret_cast<void *>(*jit->lookup<void()>(weight.symbol()));
  void *blocks = reinterpret_cast<void *>(
      *jit->lookup<void()>(weight.symbol() + "_blocks"));
  std::vector<float> x = randomInput(3 * 160), one(3 * 70), many(3 * 70);
  callKernel(whole, weight, x.data(), one.data(), 3);
  for (std::pair<int64_t, int64_t> range : {std::pair(3, 5), {0, 1}, {1, 3}})
    callKernel(blocks, weight, x.data(), many.data(), 3, range);
  EXPECT_EQ(one, many);
}

TEST_F(CpuKernel, ReadsCodesAtAnyAddress) {
  RandomWeight weight({4, 32, true}, 33, 96);
  auto module = lowerLinear(context, weight);
  auto jit = cpu::Jit::compile(*module);
  ASSERT_TRUE(jit) << jit.error().message;
  auto kernel =
      jit->lookup<void(const float *, const uint8_t *, const uint8_t *, float *,
                       int64_t)>(weight.symbol());
  ASSERT_TRUE(kernel);
  std::vector<float> x = randomInput(96), y(33), shifted(34);
  (*kernel)(x.data(), weight.packed[0].data(), weight.packed[1].data(),
            y.data(), 1);
  std::vector<uint8_t> codes(weight.packed[0].size() + 3);
  std::vector<uint8_t> scales(weight.packed[1].size() + 2);
  std::ranges::copy(weight.packed[0], codes.begin() + 3);
  std::ranges::copy(weight.packed[1], scales.begin() + 2);
  (*kernel)(x.data(), codes.data() + 3, scales.data() + 2, shifted.data() + 1,
            1);
  EXPECT_TRUE(std::equal(y.begin(), y.end(), shifted.begin() + 1));
}

TEST_F(CpuKernel, WorksFromASharedObject) {
  RandomWeight weight({4, 64, false}, 24, 160);
  auto module = lowerLinear(context, weight);
  auto object = cpu::emitSharedObject(*module);
  ASSERT_TRUE(object) << object.error().message;
  std::string path = testing::TempDir() + str("qopt-kernels-", getpid(), ".so");
  std::ofstream(path, std::ios::binary) << *object;
  void *library = dlopen(path.c_str(), RTLD_NOW);
  unlink(path.c_str());
  ASSERT_TRUE(library) << dlerror();
  void *kernel = dlsym(library, weight.symbol().c_str());
  ASSERT_TRUE(kernel) << dlerror();
  check(kernel, weight, 5);
  dlclose(library);
}

TEST_F(CpuKernel, ForAnotherCpuIsWrittenButNotRun) {
  RandomWeight weight({4, 64, false}, 24, 160);
  auto module = lowerLinear(context, weight, {"sapphirerapids", "", false});
  auto ir = cpu::emitLlvmIr(*module);
  ASSERT_TRUE(ir) << ir.error().message;
  EXPECT_NE(ir->find("sapphirerapids"), std::string::npos);
  auto object = cpu::emitObject(*module);
  ASSERT_TRUE(object) << object.error().message;
  EXPECT_EQ(object->substr(0, 4), "\x7f"
                                  "ELF");
  auto target = cpu::CpuTarget::resolve("sapphirerapids");
  ASSERT_TRUE(target);
  auto jit = cpu::Jit::compile(*module);
  EXPECT_EQ(bool(jit), target->missingOnHost().empty());
  if (!jit)
    EXPECT_NE(jit.error().message.find("which this machine lacks"),
              std::string::npos);
}

TEST_F(CpuKernel, TargetsAreChecked) {
  EXPECT_TRUE(cpu::CpuTarget::resolve("host")->missingOnHost().empty());
  EXPECT_TRUE(cpu::CpuTarget::resolve("x86-64-v4")->has("avx512f"));
  EXPECT_FALSE(
      cpu::CpuTarget::resolve("x86-64-v4", "-avx512f")->has("avx512f"));
  EXPECT_FALSE(cpu::CpuTarget::resolve("x86-64-v9"));
  EXPECT_FALSE(cpu::CpuTarget::resolve("x86-64", "+warp"));
  EXPECT_FALSE(cpu::CpuTarget::resolve("x86-64", "avx2"));
  EXPECT_FALSE(cpu::CpuTarget::resolve("host", "", "z80-unknown-none"));
}

TEST_F(CpuKernel, AModuleWithoutKernelsIsAnError) {
  auto module = mlir::parseSourceString<mlir::ModuleOp>("module {}", &context);
  auto object = cpu::emitObject(*module);
  ASSERT_FALSE(object);
  EXPECT_EQ(object.error().kind, ErrorKind::BadInput);
}
