// Modules of linalg that are raised, lowered again and compared.
#ifndef QOPT_TEST_UNIT_TRANSFORMS_RAISEFIXTURE_H
#define QOPT_TEST_UNIT_TRANSFORMS_RAISEFIXTURE_H

#include "Interp/TestModule.h"
#include "LinalgJit.h"

#include "mlir/IR/Verifier.h"

namespace qopt::test {

class RaiseFixture : public testing::Test {
protected:
  RaiseFixture() : registry(makeRegistry()), context(registry) {}

  static mlir::DialectRegistry makeRegistry() {
    mlir::DialectRegistry registry;
    registerUpstream(registry);
    registry.insert<QOptDialect, llm::LLMDialect>();
    return registry;
  }

  /// Every function @f<index> of `text`, from tensor<5x8xf32>, must have one
  /// op of the name after raising, and compute the same; `before` is run on
  /// both before they are lowered.
  void checkRaised(llvm::StringRef op, const std::string &before = "") {
    auto module =
        mlir::parseSourceString<mlir::ModuleOp>(maps + text, &context);
    ASSERT_TRUE(module);
    mlir::OwningOpRef<mlir::ModuleOp> raised = module->clone();
    ASSERT_TRUE(runPipeline(*raised, "raise-to-qopt"));
    ASSERT_TRUE(succeeded(mlir::verify(*raised)));
    for (auto function : raised->getOps<mlir::func::FuncOp>()) {
      int found = 0;
      function.walk([&](mlir::Operation *inner) {
        found += inner->getName().getStringRef() == op;
      });
      EXPECT_EQ(found, 1) << function.getName().str();
    }
    if (!before.empty()) {
      ASSERT_TRUE(runPipeline(*module, before));
      ASSERT_TRUE(runPipeline(*raised, before));
    }
    ASSERT_TRUE(runPipeline(*raised, "lower-qopt-to-linalg"));
    LinalgJit original(*module), lowered(*raised);
    for (int i = 0; i < count; ++i) {
      SCOPED_TRACE(i);
      std::string name = "f" + std::to_string(i);
      Tensor x = randomTensor(5, 8, 1000 + i);
      expectNear(lowered.run(name, x), original.run(name, x), tolerance);
    }
  }

  mlir::DialectRegistry registry;
  mlir::MLIRContext context;
  std::string text;
  int count = 0; // of functions
  float tolerance = 2e-5f;
  const std::string maps = R"(
#mn = affine_map<(m, n, k) -> (m, n)>
#mk = affine_map<(m, n, k) -> (m, k)>
#km = affine_map<(m, n, k) -> (k, m)>
#kn = affine_map<(m, n, k) -> (k, n)>
#nk = affine_map<(m, n, k) -> (n, k)>
#nm = affine_map<(m, n, k) -> (n, m)>
#ij = affine_map<(i, j) -> (i, j)>
#ji = affine_map<(i, j) -> (j, i)>
#j = affine_map<(i, j) -> (j)>
)";
};

} // namespace qopt::test

#endif // QOPT_TEST_UNIT_TRANSFORMS_RAISEFIXTURE_H
