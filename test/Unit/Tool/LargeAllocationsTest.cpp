// Linked with tools/qopt/LargeAllocations.cpp: what is seen of it.
#include "qopt/Support/ThreadPool.h"

#include <gtest/gtest.h>
#include <memory>

using namespace qopt;

static constexpr size_t mebibyte = 1 << 20;
using Array = std::unique_ptr<char[]>;

static Array allocate(size_t bytes) {
  return std::make_unique_for_overwrite<char[]>(bytes);
}

TEST(LargeAllocations, AFreedArrayIsTheNextOfItsSizeWithoutNewPages) {
  Array array = allocate(80 * mebibyte);
  // Volatile, or the compiler need not write what is then freed.
  volatile char *memory = array.get();
  memory[69 * mebibyte] = 1;
  array.reset();
  array = allocate(70 * mebibyte);
  EXPECT_EQ(array.get(), memory);
  EXPECT_EQ(memory[69 * mebibyte], 1);
  // Too much of it would be left over.
  array.reset();
  array = allocate(40 * mebibyte);
  EXPECT_NE(array.get(), memory);
}

TEST(LargeAllocations, TakesTheSmallestThatFits) {
  Array larger = allocate(100 * mebibyte), smaller = allocate(90 * mebibyte);
  const char *memory = smaller.get();
  larger.reset();
  smaller.reset();
  Array array = allocate(85 * mebibyte);
  EXPECT_EQ(array.get(), memory);
}

TEST(LargeAllocations, EachOfManyThreadsHasItsOwn) {
  ThreadPool pool(4);
  pool.parallelFor(200, [](int64_t i) {
    const size_t size = (33 + i % 7 * 5) * mebibyte;
    Array array = allocate(size);
    array[0] = array[size - 1] = char(i);
    Array other = allocate(size);
    other[0] = other[size - 1] = char(i + 1);
    EXPECT_EQ(array[0], char(i));
    EXPECT_EQ(array[size - 1], char(i));
  });
}
