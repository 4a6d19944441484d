// The reference decoder of the GPU check, written down from docs/nvptx.md,
// against the packing that the compiler does.
#include "Layouts.h"
#include "MmaSchemes.h"

using namespace qopt;

TEST(GpuLayout, IsWhatTheCompilerPacks) {
  for (const MmaScheme &scheme : mmaSchemes())
    for (auto [rows, columns] : {std::pair<int64_t, int64_t>(72, 136),
                                 {8, 328},
                                 {136, 520},
                                 {200, 1280}}) {
      if (scheme.fields && columns % scheme.fields->elements != 0)
        continue;
      MmaPacked p(scheme, rows, columns);
      const AffineHierarchy &h = scheme.hierarchy;
      WeightFormat format = {rows,
                             columns,
                             h.bits,
                             h.groupSize,
                             h.zero,
                             p.layout.hasZeros(),
                             p.layout.hasHalfMinima(),
                             h.hasLevels()};
      int64_t bytes = 0;
      for (const Component &component : p.layout.components())
        bytes += component.bytes();
      EXPECT_EQ(format.bytes(), bytes) << scheme.name;
      WeightPointers pointers = {p.packed[0].data(), p.packed[1].data(),
                                 format.zeros ? p.packed[2].data() : nullptr,
                                 h.hasLevels() ? p.packed[2].data() : nullptr};
      std::vector<float> expected(columns);
      for (int64_t n = 0; n < rows; ++n) {
        p.row(n).dequantize(h, expected.data());
        for (int64_t k = 0; k < columns; ++k)
          ASSERT_EQ(weightAt(format, pointers, n, k), expected[k])
              << scheme.name << ": " << n << ' ' << k;
      }
    }
}
