#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <latch>
#include <optional>
#include <thread>
#include <vector>

#include "concurrency/bounded_queue.h"
#include "concurrency/gate.h"
#include "concurrency/periodic.h"
#include "concurrency/task_group.h"
#include "concurrency/thread_pool.h"

namespace thanos::concurrency {
namespace {

using base::CancelSource;
using base::CancelToken;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(ThreadPoolTest, RunsEverythingBeforeItIsGone) {
  std::atomic<int> done{0};
  {
    ThreadPool pool("test", 4);
    for (int i = 0; i < 1000; ++i) {
      pool.Submit([&] { ++done; });
    }
  }
  EXPECT_EQ(done, 1000);
}

TEST(ThreadPoolTest, StartsThreadsAsTasksNeedThemUpToTheLimit) {
  std::latch all_run(3);
  std::latch release(1);
  std::atomic<int> running{0};
  {
    ThreadPool pool("test", 3);
    for (int i = 0; i < 3; ++i) {
      pool.Submit([&] {
        ++running;
        all_run.count_down();
        release.wait();
      });
    }
    all_run.wait();  // each waits for the others: three threads
    pool.Submit([&] { ++running; });
    EXPECT_EQ(running, 3);
    release.count_down();
  }
  EXPECT_EQ(running, 4);
}

TEST(TaskGroupTest, FirstErrorCancelsTheRest) {
  ThreadPool pool("test", 2);
  TaskGroup group(pool, CancelToken());
  group.Add([](const CancelToken& cancel) {
    cancel.SleepFor(seconds(30));
    return cancel.status();
  });
  group.Add([](const CancelToken&) { return base::DataLoss("broken"); });
  EXPECT_EQ(base::Message(group.Wait()), "broken");
}

TEST(TaskGroupTest, ParallelForVisitsEachIndexOnce) {
  ThreadPool pool("test", 4);
  std::vector<std::atomic<int>> seen(500);
  ASSERT_TRUE(ParallelFor(pool, CancelToken(), seen.size(), 3, [&](const CancelToken&, size_t i) {
                ++seen[i];
                return base::OkStatus();
              }).ok());
  for (const auto& count : seen) {
    EXPECT_EQ(count, 1);
  }
}

TEST(BoundedQueueTest, ProducerWaitsForRoomAndConsumerSeesTheEnd) {
  BoundedQueue<int> queue(2);
  std::thread producer([&] {
    for (int i = 0; i < 100; ++i) {
      EXPECT_TRUE(queue.Push(CancelToken(), i));
    }
    queue.Close();
  });
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(queue.Pop(CancelToken()), i);
  }
  EXPECT_EQ(queue.Pop(CancelToken()), std::nullopt);
  EXPECT_FALSE(queue.Push(CancelToken(), 1));
  producer.join();
}

TEST(BoundedQueueTest, CancellationAndDeadlineWakeWaiters) {
  BoundedQueue<int> queue(1);
  CancelSource source;
  std::thread canceller([&] { source.Cancel(); });
  EXPECT_EQ(queue.Pop(source.token()), std::nullopt);
  canceller.join();
  CancelSource late(CancelToken(), base::Duration(milliseconds(1)));
  EXPECT_EQ(queue.Pop(late.token()), std::nullopt);
  EXPECT_TRUE(queue.Push(CancelToken(), 1));
  EXPECT_FALSE(queue.Push(late.token(), 2));
}

TEST(GateTest, WaitsForAPlaceOrTheDeadline) {
  Gate gate(1);
  auto first = gate.Enter(CancelToken());
  ASSERT_TRUE(first.ok());
  CancelSource late(CancelToken(), base::Duration(milliseconds(1)));
  EXPECT_EQ(gate.Enter(late.token()).status().code(), base::StatusCode::kDeadlineExceeded);
  first->Release();
  EXPECT_TRUE(gate.Enter(CancelToken()).ok());
  EXPECT_EQ(gate.in_flight(), 0);
}

TEST(PeriodicTest, RunsAgainAndStopsWhenDestroyed) {
  std::atomic<int> runs{0};
  {
    const Periodic periodic("test", milliseconds(1), CancelToken(), [&](const CancelToken&) { ++runs; });
    while (runs < 3) {
      std::this_thread::yield();
    }
  }
  const int after = runs;
  EXPECT_GE(after, 3);
}

}  // namespace
}  // namespace thanos::concurrency
