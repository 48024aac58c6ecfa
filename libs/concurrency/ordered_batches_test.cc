#include "concurrency/ordered_batches.h"

#include <atomic>
#include <numeric>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace thanos::concurrency {
namespace {

struct Numbers {
  int input = 0;
  int output = 0;
};

BatchSteps<Numbers> Squares(int count, std::vector<int>* out) {
  return {.produce = [count, next = 0](Numbers* batch) mutable -> base::StatusOr<bool> {
            batch->input = next;
            return next++ < count;
          },
          .process =
              [](const base::CancelToken&, Numbers* batch) {
                batch->output = batch->input * batch->input;
                return base::OkStatus();
              },
          .consume =
              [out](Numbers* batch) {
                out->push_back(batch->output);
                return base::OkStatus();
              }};
}

TEST(OrderedBatchesTest, ConsumesInOrderWithAndWithoutPool) {
  std::vector<int> want;
  for (int i = 0; i < 200; ++i) {
    want.push_back(i * i);
  }
  ThreadPool pool("test", 3);
  for (ThreadPool* const used : {static_cast<ThreadPool*>(nullptr), &pool}) {
    for (const size_t max_in_flight : {1, 2, 7}) {
      std::vector<int> out;
      ASSERT_TRUE(RunOrderedBatches<Numbers>(used, {}, max_in_flight, Squares(200, &out)).ok());
      EXPECT_EQ(out, want);
    }
  }
}

TEST(OrderedBatchesTest, NoBatches) {
  std::vector<int> out;
  EXPECT_TRUE(RunOrderedBatches<Numbers>(nullptr, {}, 4, Squares(0, &out)).ok());
  EXPECT_TRUE(out.empty());
}

TEST(OrderedBatchesTest, ErrorsOfEveryStepEndIt) {
  ThreadPool pool("test", 2);
  for (ThreadPool* const used : {static_cast<ThreadPool*>(nullptr), &pool}) {
    for (int step = 0; step < 3; ++step) {
      std::vector<int> out;
      std::atomic<int> running = 0;
      BatchSteps<Numbers> steps = Squares(100, &out);
      const auto produce = steps.produce;
      steps.produce = [&, produce](Numbers* batch) -> base::StatusOr<bool> {
        auto more = produce(batch);
        return step == 0 && batch->input == 10 ? base::StatusOr<bool>(base::DataLoss("ten")) : more;
      };
      steps.process = [&](const base::CancelToken&, Numbers* batch) {
        ++running;
        base::Status status = step == 1 && batch->input == 10 ? base::DataLoss("ten") : base::OkStatus();
        --running;
        return status;
      };
      steps.consume = [&](Numbers* batch) {
        out.push_back(batch->input);
        return step == 2 && batch->input == 10 ? base::DataLoss("ten") : base::OkStatus();
      };
      const base::Status status = RunOrderedBatches<Numbers>(used, {}, 4, steps);
      EXPECT_EQ(status.code(), base::StatusCode::kDataLoss) << step;
      EXPECT_EQ(running, 0);
      EXPECT_LE(out.size(), 11U);
    }
  }
}

TEST(OrderedBatchesTest, CancellationEndsIt) {
  ThreadPool pool("test", 2);
  base::CancelSource source;
  std::vector<int> out;
  BatchSteps<Numbers> steps = Squares(1'000'000'000, &out);
  steps.consume = [&](Numbers* batch) {
    if (batch->input == 50) {
      source.Cancel();
    }
    return base::OkStatus();
  };
  EXPECT_EQ(RunOrderedBatches<Numbers>(&pool, source.token(), 4, steps).code(), base::StatusCode::kCancelled);
}

}  // namespace
}  // namespace thanos::concurrency
