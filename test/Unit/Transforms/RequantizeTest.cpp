#include "qopt/Transforms/Requantize.h"
#include "Interp/TestModule.h"

#include "mlir/IR/Verifier.h"

using namespace qopt;
using namespace qopt::test;

// One block with a Q8_0 weight: scale 1, codes -1 everywhere.
static const char *const text = R"(
  ml_program.global private @w(dense<"0xROW"> : tensor<1x34xi8>) : !qopt.packed<1x32xf16, #qopt.gguf<q8_0>, #qopt.blocks> SCHEME
  func.func @f(%x: tensor<?x32xf32>) -> tensor<?x1xf32> {
    %w = ml_program.global_load_const @w : !qopt.packed<1x32xf16, #qopt.gguf<q8_0>, #qopt.blocks>
    %y = qopt.linear %x, %w : tensor<?x32xf32>, !qopt.packed<1x32xf16, #qopt.gguf<q8_0>, #qopt.blocks> -> tensor<?x1xf32>
    return %y : tensor<?x1xf32>
  }
)";

/// `assigned` is what the weight is going to be.
static std::string quantizedModule(const std::string &assigned) {
  std::string row = "003C"; // 1.0 in f16
  for (int i = 0; i < 32; ++i)
    row += "FF";
  std::string module = text;
  module.replace(module.find("ROW"), 3, row);
  return module.replace(module.find("SCHEME"), 6,
                        "{qopt.scheme = " + assigned + "}");
}

TEST(Requantize, RefusesAQuantizedWeightByName) {
  TestModule m(quantizedModule("#qopt.gguf<q4_0>"));
  Status status = prepareRequantization(*m.module, /*allow=*/false);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::Usage);
  EXPECT_NE(status.error().message.find("@w is quantized already"),
            std::string::npos)
      << status.error().message;
}

TEST(Requantize, KeepsTheBytesOfAWeightThatHasItsType) {
  TestModule m(quantizedModule("#qopt.gguf<q8_0>"));
  EXPECT_TRUE(prepareRequantization(*m.module, /*allow=*/false));
  auto global = m.module->lookupSymbol<mlir::ml_program::GlobalOp>("w");
  EXPECT_FALSE(mlir::isa<mlir::RankedTensorType>(global.getType()));
  EXPECT_FALSE(global->hasAttr("qopt.scheme"));
}

TEST(Requantize, LeavesFloatWeightsAlone) {
  TestModule m(R"(
    ml_program.global private @w(dense<1.0> : tensor<1x32xf16>) : tensor<1x32xf16>
    func.func @f(%x: tensor<?x32xf32>) -> tensor<?x1xf32> {
      %w = ml_program.global_load_const @w : tensor<1x32xf16>
      %y = qopt.linear %x, %w : tensor<?x32xf32>, tensor<1x32xf16> -> tensor<?x1xf32>
      return %y : tensor<?x1xf32>
    }
  )");
  EXPECT_TRUE(prepareRequantization(*m.module, /*allow=*/false));
}

TEST(Requantize, MakesFloatViewsOfTheDequantizedValues) {
  TestModule m(quantizedModule("#qopt.gguf<q4_0>"));
  Status status = prepareRequantization(*m.module, /*allow=*/true);
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_TRUE(mlir::succeeded(mlir::verify(*m.module)));
  auto global = m.module->lookupSymbol<mlir::ml_program::GlobalOp>("w");
  EXPECT_TRUE(mlir::isa<mlir::RankedTensorType>(global.getType()));
  auto result = m.run({tensor(32, std::vector<float>(32, 2))});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->values()[0], -64);
}
