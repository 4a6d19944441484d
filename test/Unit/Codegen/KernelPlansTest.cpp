// Which kernels a linear gets for each GPU: every M has one that fits.
#include "Formats/MmaSchemes.h"
#include "qopt/Codegen/NVPTX/LinearKernels.h"

using namespace qopt;
using namespace qopt::nvptx;

namespace {

/// Empty, or what is wrong with the kernels of a linear.
std::string problem(const LinearSpec &spec, const Target &target) {
  std::vector<KernelPlan> plans = planKernels(spec, target);
  int64_t rowsBefore = 0;
  for (const KernelPlan &plan : plans) {
    const LaunchShape &launch = plan.launch;
    bool last = &plan == &plans.back();
    if (last != (launch.maxRows == 0))
      return plan.entry + (last ? " is the last, and not for any M"
                                : " is for any M, and not the last");
    if (!last && launch.maxRows <= rowsBefore)
      return plan.entry + " is never launched";
    rowsBefore = launch.maxRows;
    int64_t bytes = launch.shared + launch.sharedPerRow * launch.maxRows;
    if (bytes > target.sharedBytes)
      return plan.entry + " takes " + std::to_string(bytes) + " bytes of " +
             std::to_string(target.sharedBytes);
    if (last && launch.sharedPerRow != 0)
      return plan.entry + " takes more with each row";
    if (launch.block < 32 || launch.block > 1024 || launch.tilesOfN < 1 ||
        launch.tileOfM < 1)
      return plan.entry + " has no launch";
  }
  return plans.empty() ? "there are none" : "";
}

} // namespace

TEST(KernelPlans, EveryMHasAKernelWithRoomOnEveryChip) {
  const std::pair<int64_t, int64_t> shapes[] = {
      {8, 256},      {72, 1280},    {4096, 4096},  {4096, 14336},
      {14336, 4096}, {8192, 28672}, {28672, 8192}, {5120, 27648},
      {27648, 5120}, {1024, 65536}, {152064, 8192}};
  for (const char *chip :
       {"sm_80", "sm_86", "sm_89", "sm_90", "sm_90a", "sm_100"}) {
    Target target = *findTarget(chip);
    for (const MmaScheme &scheme : mmaSchemes())
      for (auto [n, k] : shapes)
        for (ActivationType activation :
             {ActivationType::F16, ActivationType::BF16}) {
          LinearSpec spec{
              {scheme.hierarchy, n, k, scheme.fields}, "scheme", activation};
          EXPECT_EQ(problem(spec, target), "")
              << chip << " " << scheme.name << " " << n << " x " << k
              << (activation == ActivationType::F16 ? " f16" : " bf16");
        }
  }
}
