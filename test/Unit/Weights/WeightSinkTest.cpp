#include "ParsedModule.h"

#include "qopt/Dialect/QOpt/QOptDialect.h"
#include "qopt/Weights/WeightSink.h"

#include "mlir/AsmParser/AsmParser.h"

#include <fstream>

using namespace mlir;
using namespace qopt;

namespace {
const char *const quantType =
    "!qopt.quant<1x2xf16, #qopt.grouped<bits = 8, group = -1, symmetric>>";
// Codes 130 and 126 around 128, scale 1: the numbers 2 and -2.
const WeightBytes bytes = {{130, 126}, {0x00, 0x3c}};
} // namespace

TEST(WeightSink, KeepsInlineWeightsInline) {
  ParsedModule m(R"(
    ml_program.global private @w(dense<[[1.0, 2.0]]> : tensor<1x2xf16>) : tensor<1x2xf16>
    func.func @f() {
      %w = ml_program.global_load_const @w : tensor<1x2xf16>
      return
    }
  )");
  auto type = cast<ShapedType>(mlir::parseType(quantType, &m.context));
  auto sink =
      WeightSink::create(*m.module, {{m.global("w"), type, true}}, "", m.files);
  ASSERT_TRUE(sink);
  ASSERT_TRUE(sink->store(m.global("w"), bytes));
  EXPECT_TRUE(isa<RankedTensorType>(m.global("w").getType()));
  ASSERT_TRUE(sink->finish(m.files));
  EXPECT_EQ(m.read("w"), (std::vector<float>{2, -2}));
  m.module->walk([&](ml_program::GlobalLoadConstOp load) {
    EXPECT_EQ(load.getResult().getType(), type);
  });
}

TEST(WeightSink, PutsOtherWeightsIntoAnArchive) {
  std::string path = testing::TempDir() + "/sink-test.safetensors";
  std::filesystem::remove(path);
  ParsedModule m(R"(
    module attributes {qopt.sources = {ckpt = #qopt.file<"nowhere.safetensors">}} {
      ml_program.global private @a(#qopt.extern<ckpt, "a">) : tensor<1x2xf16>
      ml_program.global private @b(#qopt.extern<ckpt, "b">) : tensor<1x2xf16>
    }
  )");
  auto type = cast<ShapedType>(mlir::parseType(quantType, &m.context));
  auto quantize = [&](StringRef name) {
    auto sink = WeightSink::create(*m.module, {{m.global(name), type, false}},
                                   "sink-test.safetensors", m.files);
    ASSERT_TRUE(sink) << sink.error().message;
    ASSERT_TRUE(sink->store(m.global(name), bytes));
    auto status = sink->finish(m.files);
    ASSERT_TRUE(status) << status.error().message;
  };
  quantize("a");
  EXPECT_EQ(m.read("a"), (std::vector<float>{2, -2}));
  // The second archive replaces the first and still holds what it held.
  quantize("b");
  EXPECT_EQ(m.read("a"), (std::vector<float>{2, -2}));
  EXPECT_EQ(m.read("b"), (std::vector<float>{2, -2}));
  EXPECT_EQ(
      (*m.module)->getAttrOfType<DictionaryAttr>(QOptDialect::kSources).size(),
      2u);
}

TEST(WeightSink, AsksForAnArchiveIfItNeedsOne) {
  ParsedModule m(R"(
    module attributes {qopt.sources = {ckpt = #qopt.file<"nowhere.safetensors">}} {
      ml_program.global private @a(#qopt.extern<ckpt, "a">) : tensor<1x2xf16>
    }
  )");
  auto type = cast<ShapedType>(mlir::parseType(quantType, &m.context));
  auto sink = WeightSink::create(*m.module, {{m.global("a"), type, false}}, "",
                                 m.files);
  ASSERT_FALSE(sink);
  EXPECT_EQ(sink.error().kind, ErrorKind::Usage);
}

TEST(WeightSink, FailsIfAPlannedWeightWasNotStored) {
  ParsedModule m(R"(
    module attributes {qopt.sources = {ckpt = #qopt.file<"nowhere.safetensors">}} {
      ml_program.global private @a(#qopt.extern<ckpt, "a">) : tensor<1x2xf16>
    }
  )");
  std::string path = testing::TempDir() + "/unstored-test.safetensors";
  std::filesystem::remove(path);
  auto type = cast<ShapedType>(mlir::parseType(quantType, &m.context));
  {
    auto sink = WeightSink::create(*m.module, {{m.global("a"), type, false}},
                                   "unstored-test.safetensors", m.files);
    ASSERT_TRUE(sink);
    EXPECT_FALSE(sink->finish(m.files));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_TRUE(isa<RankedTensorType>(m.global("a").getType()));
}

TEST(WeightSink, RefusesToReplaceWhatFloatWeightsAreReadFrom) {
  std::string path = testing::TempDir() + "/sink-input.safetensors";
  std::ofstream(path) << "checkpoint";
  auto expectRefusal = [](ParsedModule &m, StringRef archive) {
    auto type = cast<ShapedType>(mlir::parseType(quantType, &m.context));
    auto sink = WeightSink::create(*m.module, {{m.global("a"), type, false}},
                                   archive, m.files);
    ASSERT_FALSE(sink) << archive.str();
    EXPECT_EQ(sink.error().kind, ErrorKind::Usage);
  };
  ParsedModule direct(R"(
    module attributes {qopt.sources = {ckpt = #qopt.file<"sink-input.safetensors">}} {
      ml_program.global private @a(#qopt.extern<ckpt, "a">) : tensor<1x2xf16>
    }
  )");
  for (std::string archive : {std::string("sink-input.safetensors"),
                              std::string("./sink-input.safetensors"), path})
    expectRefusal(direct, archive);
  ParsedModule viewed(R"(
    module attributes {qopt.sources = {ckpt = #qopt.file<"sink-input.safetensors">}} {
      ml_program.global private @a(#qopt.view<#qopt.extern<ckpt, "a"> of tensor<1x2xf16>, []>) : tensor<1x2xf16>
    }
  )");
  expectRefusal(viewed, "sink-input.safetensors");
  std::filesystem::remove(path);
}

TEST(SourceFiles, LeaveWhatALinkLeadsTo) {
  namespace fs = std::filesystem;
  fs::path root = fs::path(testing::TempDir()) / "linked-sources";
  fs::remove_all(root);
  fs::create_directories(root / "real" / "sub");
  std::ofstream(root / "real" / "file") << "x";
  fs::create_directory_symlink(root / "real" / "sub", root / "link");
  SourceFiles files((root / "link").string());
  EXPECT_TRUE(fs::exists(files.resolve("../file")));
  EXPECT_EQ(relativePath(fs::relative(root / "real" / "file").string(),
                         (root / "link").string()),
            "../file");
  fs::remove_all(root);
}
