//===- TaskQueueTest.cpp - a thread for what goes on beside the rest ------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "qopt/Support/TaskQueue.h"

#include <atomic>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

using namespace qopt;

TEST(TaskQueue, DoesTasksInOrder) {
  std::vector<int> done;
  TaskQueue queue(3);
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(queue.push([&done, i]() -> Status {
      done.push_back(i);
      return {};
    }));
  ASSERT_TRUE(queue.wait());
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(done[i], i);
}

TEST(TaskQueue, WaitsForAsManyTasksAsAreAskedFor) {
  std::atomic<bool> first = false, go = false;
  TaskQueue queue(2);
  ASSERT_TRUE(queue.push([&]() -> Status {
    first = true;
    return {};
  }));
  ASSERT_TRUE(queue.push([&]() -> Status {
    while (!go)
      std::this_thread::yield();
    return {};
  }));
  ASSERT_TRUE(queue.wait(1));
  EXPECT_TRUE(first);
  go = true;
  ASSERT_TRUE(queue.wait());
}

TEST(TaskQueue, PushWaitsForRoom) {
  std::atomic<int> begun = 0;
  TaskQueue queue(2);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(queue.push([&]() -> Status {
      ++begun;
      return {};
    }));
    EXPECT_GE(begun, i - 1); // the one that was given and one before may wait
  }
}

TEST(TaskQueue, BeginsNoTaskBehindOneThatFails) {
  std::atomic<bool> go = false, begun = false;
  TaskQueue queue(4);
  ASSERT_TRUE(queue.push([&]() -> Status {
    while (!go)
      std::this_thread::yield();
    return ioError("full");
  }));
  ASSERT_TRUE(queue.push([&]() -> Status {
    begun = true;
    return {};
  }));
  go = true;
  Status status = queue.wait();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message, "full");
  EXPECT_FALSE(queue.push([&]() -> Status {
    begun = true;
    return {};
  }));
  EXPECT_FALSE(queue.wait());
  EXPECT_FALSE(begun);
}

TEST(TaskQueue, DropsWhatHasNotBegun) {
  std::atomic<bool> running = false, go = false, begun = false;
  std::thread release;
  {
    TaskQueue queue(4);
    ASSERT_TRUE(queue.push([&]() -> Status {
      running = true;
      while (!go)
        std::this_thread::yield();
      return {};
    }));
    ASSERT_TRUE(queue.push([&]() -> Status {
      begun = true;
      return {};
    }));
    while (!running)
      std::this_thread::yield();
    release = std::thread([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      go = true;
    });
  }
  release.join();
  EXPECT_FALSE(begun);
}
