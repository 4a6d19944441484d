#include "ParsedModule.h"

using namespace qopt;

using Numbers = std::vector<float>;

TEST(WeightSource, ReadsInlineFloats) {
  ParsedModule m(R"(
    ml_program.global private @a(dense<[[1.0, 2.0], [3.0, -4.5]]> : tensor<2x2xf16>) : tensor<2x2xf16>
    ml_program.global private @splat(dense<0.5> : tensor<2x3xbf16>) : tensor<2x3xbf16>
    ml_program.global private @norm(dense<[1.0, 2.0]> : tensor<2xf32>) : tensor<2xf32>
  )");
  EXPECT_EQ(m.read("a"), (Numbers{1, 2, 3, -4.5}));
  EXPECT_EQ(m.read("splat"), Numbers(6, 0.5));
  EXPECT_EQ(m.read("norm"), (Numbers{1, 2}));
}

TEST(WeightSource, ReadsInlineGroupedCodes) {
  // Low bits first: codes 1, 2, 3 with zero 1 and scale 2.
  ParsedModule m(R"(
    ml_program.global private @q(#qopt.inline<{
      codes = dense<[[33, 3]]> : tensor<1x2xi8>, scales = dense<2.0> : tensor<1x1xf16>,
      zeros = dense<1> : tensor<1x1xi8>}>) : !qopt.quant<1x3xf16, #qopt.grouped<bits = 4, group = -1>>
  )");
  EXPECT_EQ(m.read("q"), (Numbers{0, 2, 4}));
  auto source = m.open("q");
  ASSERT_TRUE(source);
  auto grouped = readGrouped(*source);
  ASSERT_TRUE(grouped);
  EXPECT_EQ(grouped->codes, (std::vector<uint8_t>{1, 2, 3}));
  EXPECT_EQ(grouped->zeros, (std::vector<uint8_t>{1}));
}

TEST(WeightSource, ReadsThroughAChainOfViews) {
  // B = [[1, 2, 3], [4, 5, 6]], transposed [[1, 4], [2, 5], [3, 6]], rows 1 and
  // 2 of it swapped [[3, 6], [2, 5]], columns times 10 and 100.
  ParsedModule m(R"(
    ml_program.global private @v(#qopt.view<
      dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32> of tensor<2x3xf32>,
      [#qopt.transpose, #qopt.slice<rows, offset = 1, size = 2>, #qopt.permute<rows, [1, 0]>,
       #qopt.scale<columns, dense<[10.0, 100.0]> : tensor<2xf32>>]>) : tensor<2x2xf32>
    ml_program.global private @rows(#qopt.view<
      dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32> of tensor<2x3xf32>,
      [#qopt.permute<rows, [1, 0]>, #qopt.scale<rows, dense<[2.0, 3.0]> : tensor<2xf32>>,
       #qopt.slice<columns, offset = 1, size = 2>]>) : tensor<2x2xf32>
  )");
  EXPECT_EQ(m.read("v"), (Numbers{30, 600, 20, 500}));
  EXPECT_EQ(m.read("rows"), (Numbers{10, 12, 6, 9}));
}

TEST(WeightSource, MovesRowsOfQuantizedWeights) {
  // Rows of codes 1 2 3 and 4 5 6 with scales 2 and 3 and zero points 1 and 4,
  // swapped three times.
  const std::string stored = R"(#qopt.inline<{
      codes = dense<[[33, 3], [84, 6]]> : tensor<2x2xi8>, scales = dense<[[2.0], [3.0]]> : tensor<2x1xf16>,
      zeros = dense<[[1], [4]]> : tensor<2x1xi8>}> of !qopt.quant<2x3xf16, #qopt.grouped<bits = 4, group = -1>>)";
  const std::string swap = "#qopt.permute<rows, [1, 0]>";
  auto global = [&](const std::string &steps, const std::string &type) {
    return "ml_program.global private @v(#qopt.view<" + stored + ", [" + steps +
           "]>) : " + type;
  };
  const std::string type =
      "!qopt.quant<2x3xf16, #qopt.grouped<bits = 4, group = -1>>";
  ParsedModule m(global(swap + ", " + swap + ", " + swap, type));
  EXPECT_EQ(m.read("v"), (Numbers{0, 3, 6, 0, 2, 4}));
  auto source = m.open("v");
  ASSERT_TRUE(source);
  EXPECT_FALSE(source->isView());
  EXPECT_TRUE(source->isCopied());
  auto grouped = readGrouped(*source);
  ASSERT_TRUE(grouped);
  EXPECT_EQ(grouped->codes, (std::vector<uint8_t>{4, 5, 6, 1, 2, 3}));
  EXPECT_EQ(grouped->zeros, (std::vector<uint8_t>{4, 1}));

  // What changes a row, or its scheme, has no codes.
  for (const std::string &refused :
       {global("#qopt.permute<columns, [2, 0, 1]>", type),
        global("#qopt.scale<rows, dense<2.0> : tensor<2xf32>>", type),
        global(swap,
               "!qopt.quant<2x3xf16, #qopt.grouped<bits = 4, group = 3>>"),
        global(swap,
               "!qopt.quant<2x3xbf16, #qopt.grouped<bits = 4, group = -1>>")}) {
    ParsedModule other(refused);
    auto failed = other.open("v");
    ASSERT_FALSE(failed);
    EXPECT_NE(failed.error().message.find("nothing but its rows is permuted"),
              std::string::npos);
  }
}

TEST(WeightSource, ReadsVectorsThroughViews) {
  ParsedModule m(R"(
    ml_program.global private @v(#qopt.view<dense<[1.0, 2.0, 3.0]> : tensor<3xf16> of tensor<3xf16>,
      [#qopt.permute<columns, [2, 0, 1]>]>) : tensor<3xf16>
  )");
  EXPECT_EQ(m.read("v"), (Numbers{3, 1, 2}));
}

TEST(WeightSource, ClipsGroupsAfterAllElse) {
  // Scaled to [[2, -4, 8, 1]] and [[10, 10, 10, 20]]: 3 columns and 1.
  ParsedModule m(R"(
    ml_program.global private @v(#qopt.view<
      dense<[[1.0, -2.0, 4.0, 1.0], [5.0, 5.0, 5.0, 20.0]]> : tensor<2x4xf32> of tensor<2x4xf32>,
      [#qopt.scale<columns, dense<[2.0, 2.0, 2.0, 1.0]> : tensor<4xf32>>,
       #qopt.clip<group = 3, dense<[[15, 0], [0, 5]]> : tensor<2x2xi8>>]>) : tensor<2x4xf32>
  )");
  EXPECT_EQ(m.read("v"), (Numbers{2, -2, 2, 1, 10, 10, 10, 15}));
}

TEST(WeightSource, ReadsRowsOfAFile) {
  ParsedModule m(R"(
    module attributes {qopt.sources = {f = #qopt.file<"source-test.safetensors">}} {
      ml_program.global private @w(#qopt.extern<f, "layer.weight">) : tensor<2x3xf32>
      ml_program.global private @shape(#qopt.extern<f, "layer.weight">) : tensor<3x2xf32>
      ml_program.global private @missing(#qopt.extern<f, "other">) : tensor<3x2xf32>
    }
  )");
  float numbers[] = {1, 2, 3, 4, 5, 6};
  auto writer = SafetensorsWriter::create(
      m.directory + "/source-test.safetensors",
      {{"layer.weight", DType::F32, {2, 3}}}, {}, /*overwrite=*/true);
  ASSERT_TRUE(writer);
  ASSERT_TRUE(
      writer->write("layer.weight", {reinterpret_cast<const uint8_t *>(numbers),
                                     sizeof(numbers)}));
  ASSERT_TRUE(writer->finish());

  EXPECT_EQ(m.read("w"), (Numbers{1, 2, 3, 4, 5, 6}));
  auto source = m.open("w");
  ASSERT_TRUE(source);
  Numbers row(3);
  ASSERT_TRUE(source->readRows(1, {row.data(), 1, 3}));
  EXPECT_EQ(row, (Numbers{4, 5, 6}));

  auto shape = m.open("shape");
  ASSERT_FALSE(shape);
  EXPECT_NE(shape.error().message.find("is 2x3 F32, but @shape needs 3x2 F32"),
            std::string::npos)
      << shape.error().message;
  auto missing = m.open("missing");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("has no tensor 'other'"),
            std::string::npos);
}

TEST(WeightSource, RefusesAFileThatChanged) {
  ParsedModule m(R"(
    module attributes {qopt.sources = {f = #qopt.file<"changed-test.safetensors", size = 7>}} {
      ml_program.global private @w(#qopt.extern<f, "w">) : tensor<1x1xf32>
    }
  )");
  auto writer =
      SafetensorsWriter::create(m.directory + "/changed-test.safetensors",
                                {{"w", DType::F32, {1, 1}}}, {}, true);
  ASSERT_TRUE(writer);
  uint8_t zero[4] = {};
  ASSERT_TRUE(writer->write("w", zero));
  ASSERT_TRUE(writer->finish());
  auto source = m.open("w");
  ASSERT_FALSE(source);
  EXPECT_NE(
      source.error().message.find("but the module was made for a file of 7"),
      std::string::npos);
}

TEST(WeightSource, RefusesResourcesOfTheWrongSize) {
  ParsedModule m(R"(
    ml_program.global private @w(dense_resource<blob> : tensor<2x2xf32>) : tensor<2x2xf32>
    ml_program.global private @q(#qopt.inline<{codes = dense<1> : tensor<1x1xi8>,
      scales = dense<1.0> : tensor<1x1xf16>}>) : !qopt.quant<1x8xf16, #qopt.grouped<bits = 4, group = -1, symmetric>>
    ml_program.global private @half(#qopt.inline<{codes = dense<1> : tensor<1x4xi8>}>)
      : !qopt.quant<1x8xf16, #qopt.grouped<bits = 4, group = -1, symmetric>>
    {-# dialect_resources: { builtin: { blob: "0x040000000000803F0000803F" } } #-}
  )");
  for (auto [name, reason] :
       {std::pair("w", "its value has 8 bytes, but its type needs 16"),
        std::pair("half", "its value lacks component 'scales'")}) {
    auto source = m.open(name);
    ASSERT_FALSE(source);
    EXPECT_NE(source.error().message.find(reason), std::string::npos)
        << source.error().message;
  }
  // A splat stands for as many bytes as the type needs.
  EXPECT_TRUE(m.open("q"));
}
