#include "qopt_cuda.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace {

/// y[i] = x[i] + 1 for i < count, with a block of 32 threads.
const char *increment = R"(
.version 7.0
.target sm_80
.address_size 64
.visible .entry increment(.param .u64 x, .param .u64 y, .param .u32 count)
.reqntid 32, 1, 1
{
  .reg .pred %p;
  .reg .b32 %i, %n, %v;
  .reg .b64 %o, %x, %y;
  ld.param.u32 %n, [count];
  mov.u32 %i, %tid.x;
  setp.ge.s32 %p, %i, %n;
  @%p ret;
  mul.wide.u32 %o, %i, 4;
  ld.param.u64 %x, [x];
  ld.param.u64 %y, [y];
  add.u64 %x, %x, %o;
  add.u64 %y, %y, %o;
  ld.global.u32 %v, [%x];
  add.u32 %v, %v, 1;
  st.global.u32 [%y], %v;
  ret;
}
)";

} // namespace

TEST(Cuda, RunsAKernelOrSaysWhyItCannot) {
  QoptCudaModule *module = nullptr;
  char error[512] = "";
  if (qopt_cuda_load(increment, &module, error, sizeof(error)) != 0) {
    EXPECT_EQ(module, nullptr);
    EXPECT_NE(std::string(error), "");
    GTEST_SKIP() << error;
  }
  std::vector<int32_t> x = {1, 2, 3}, y(3);
  QoptCudaArray arrays[] = {{x.data(), 12, 0}, {y.data(), 12, 1}};
  ASSERT_EQ(qopt_cuda_launch(module, "increment", arrays, 2, 3, 1, 1, error,
                             sizeof(error)),
            0)
      << error;
  EXPECT_EQ(y, (std::vector<int32_t>{2, 3, 4}));
  EXPECT_EQ(qopt_cuda_launch(module, "missing", arrays, 2, 3, 1, 1, error,
                             sizeof(error)),
            1);
  EXPECT_NE(std::string(error).find("finding the entry missing failed"),
            std::string::npos);
  qopt_cuda_unload(module);
}
