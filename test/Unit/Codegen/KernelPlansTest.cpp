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
    // Flags, and sums of whole outputs for each block.
    int64_t sums = launch.workspace - LaunchShape::workspaceFlags;
    if (launch.workspace && (sums <= 0 || sums % (16 * launch.tilesOfN)))
      return plan.entry + " has a workspace of " +
             std::to_string(launch.workspace) + " bytes";
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

/// check(spec, target) for many shapes and all schemes and chips; returns what
/// is wrong.
void forLinears(std::string (*check)(const LinearSpec &spec,
                                     const Target &target)) {
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
          EXPECT_EQ(check(spec, target), "")
              << chip << " " << scheme.name << " " << n << " x " << k
              << (activation == ActivationType::F16 ? " f16" : " bf16");
        }
  }
}

/// Empty, or which tile kernel has less than three stages of those that its
/// columns fill.
std::string shallowTile(const LinearSpec &spec, const Target &target) {
  for (const KernelPlan &plan : planKernels(spec, target))
    if (const auto *shape = std::get_if<TileShape>(&plan.shape))
      if (shape->stages < 3)
        return plan.entry + " has " + std::to_string(shape->stages) + " stages";
  return "";
}

/// The shape of the tile kernel for up to 64 rows of x, with whole tiles.
TileShape tileFor64(const LinearSpec &spec, const char *chip) {
  Tuning tuning;
  tuning.stripes = 0;
  for (const KernelPlan &plan : planKernels(spec, *findTarget(chip), tuning))
    if (plan.launch.maxRows == 64)
      return std::get<TileShape>(plan.shape);
  return {};
}

} // namespace

TEST(KernelPlans, EveryMHasAKernelWithRoomOnEveryChip) { forLinears(problem); }

TEST(KernelPlans, TilesHaveThreeStagesOnEveryChip) { forLinears(shallowTile); }

TEST(KernelPlans, WarpsShareChunksOnlyWhereSharedMemoryIsSmall) {
  for (const MmaScheme &scheme : mmaSchemes())
    for (const char *chip : {"sm_80", "sm_86", "sm_89", "sm_90", "sm_100"}) {
      LinearSpec spec{{scheme.hierarchy, 4096, 4096, scheme.fields}, "scheme"};
      TileShape shape = tileFor64(spec, chip);
      // 128 blocks of 32 outputs for the 142 processors of sm_89, and two warps
      // for the columns of each.
      bool small = std::string_view(chip) == "sm_89";
      EXPECT_EQ(shape.warpsPerChunk, small ? 2 : 1) << chip << scheme.name;
      EXPECT_EQ(shape.stages, 4) << chip << scheme.name;
    }
}

TEST(KernelPlans, BlocksShareTilesThatDoNotDivideEvenly) {
  LinearSpec spec{
      {mmaSchemes().front().hierarchy, 8192, 8192, mmaSchemes().front().fields},
      "scheme"};
  auto stripesFor16 = [&](const char *chip, std::optional<int64_t> wanted) {
    Tuning tuning;
    tuning.stripes = wanted;
    KernelPlan plan = planKernels(spec, *findTarget(chip), tuning)[1];
    EXPECT_EQ(plan.launch.maxRows, 16);
    EXPECT_EQ(plan.launch.workspace > 0,
              std::get<TileShape>(plan.shape).stripes > 0);
    return std::get<TileShape>(plan.shape).stripes;
  };
  EXPECT_EQ(stripesFor16("sm_80", std::nullopt), 108);
  EXPECT_EQ(stripesFor16("sm_80", 0), 0);
  EXPECT_EQ(stripesFor16("sm_80", 1), 0);
  EXPECT_EQ(stripesFor16("sm_80", 7), 7);
  EXPECT_EQ(stripesFor16("sm_80", 1 << 20), 1024); // as many as have flags
}
