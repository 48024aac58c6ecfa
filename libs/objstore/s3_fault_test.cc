// A server that fails, is slow, or answers with less or something else than it was asked for: what reaches
// the caller is right or an error, and nothing stays behind in the bucket.

#include <random>

#include "objstore/s3_test_bucket.h"

namespace thanos::objstore {
namespace {

using internal::S3Config;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class S3FaultTest : public S3TestBucket {
 protected:
  static constexpr int64_t kSize = 10'000;
  void StartWithObject(S3Config config = {}) {
    Start({}, std::move(config));
    for (int64_t i = 0; i < kSize; ++i) {
      content_.push_back(static_cast<char>(i * 7 % 251));
    }
    fake_->PutObject("object", content_);
  }
  size_t NumCalls(std::string_view method) {
    size_t count = 0;
    for (const S3Call& call : fake_->calls()) {
      count += call.method == method ? 1 : 0;
    }
    return count;
  }
  std::string content_;
};

TEST_F(S3FaultTest, RetriesWhatMayPass) {
  StartWithObject();
  const S3Fault faults[] = {{.status = 500},
                            {.status = 503, .code = "SlowDown"},
                            {.status = 429, .code = "TooManyRequests"},
                            {.status = 408, .code = "RequestTimeout"},
                            {.status = 400, .code = "RequestTimeout"},
                            {.breaks = true},
                            {.drop_bytes = 1},
                            {.shift_range = 1},
                            {.ignores_range = true}};
  for (const S3Fault& fault : faults) {
    FailFirst(2, "GET", fault);
    const size_t before = NumCalls("GET");
    const auto range = bucket_->GetRange({}, "object", 100, 1000);
    ASSERT_TRUE(range.ok()) << range.status();
    EXPECT_EQ(range->bytes, content_.substr(100, 1000));
    EXPECT_EQ(NumCalls("GET"), before + 3);
  }
}

TEST_F(S3FaultTest, GivesUpAfterItsAttempts) {
  StartWithObject({.max_attempts = 3});
  FailFirst(100, "GET", {.status = 503, .code = "SlowDown"});
  const base::Status status = bucket_->Get({}, "object").status();
  EXPECT_EQ(status.code(), base::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(base::Message(status)), HasSubstr("SlowDown"));
  EXPECT_THAT(std::string(base::Message(status)), HasSubstr("after 3 attempts"));
  EXPECT_EQ(NumCalls("GET"), 3U);
}

TEST_F(S3FaultTest, DoesNotRepeatWhatIsRefused) {
  StartWithObject();
  const std::pair<int, const char*> refusals[] = {
      {400, "InvalidRequest"}, {403, "AccessDenied"}, {404, "NoSuchKey"}, {501, "NotImplemented"}};
  for (const auto& [status, code] : refusals) {
    FailFirst(100, "GET", {.status = status, .code = code});
    const size_t before = NumCalls("GET");
    EXPECT_FALSE(bucket_->Get({}, "object").ok());
    EXPECT_EQ(NumCalls("GET"), before + 1) << code;
  }
}

TEST_F(S3FaultTest, RetriesOverAllCallsAreLimited) {
  StartWithObject({.max_attempts = 10});
  FailFirst(100'000, "GET", {.status = 500});
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(bucket_->Get({}, "object").ok());
  }
  // One attempt per call, and the reserve of retries.
  EXPECT_EQ(NumCalls("GET"), 200U);
}

TEST_F(S3FaultTest, WrongRangesAreNeverServed) {
  const S3Fault faults[] = {{.breaks = true},   {.drop_bytes = 1},   {.drop_bytes = 1000},
                            {.shift_range = 5}, {.shift_range = -5}, {.ignores_range = true}};
  StartWithObject({.max_attempts = 2});
  for (const S3Fault& fault : faults) {
    FailFirst(100, "GET", fault);
    for (const int64_t offset : {int64_t{10}, kSize - 1000}) {
      EXPECT_THAT(
          bucket_->GetRange({}, "object", offset, 1000).status().code(),
          AnyOf(base::StatusCode::kDataLoss, base::StatusCode::kUnavailable, base::StatusCode::kOutOfRange));
    }
  }
}

TEST_F(S3FaultTest, RangesBeyondTheEndAreOutOfRange) {
  StartWithObject();
  EXPECT_EQ(bucket_->GetRange({}, "object", kSize - 5, 10).status().code(), base::StatusCode::kOutOfRange);
  EXPECT_EQ(bucket_->GetRange({}, "object", kSize, 1).status().code(), base::StatusCode::kOutOfRange);
  EXPECT_EQ(bucket_->GetRange({}, "object", INT64_MAX, 1).status().code(),
            base::StatusCode::kInvalidArgument);
  EXPECT_EQ(NumCalls("GET"), 2U);
}

TEST_F(S3FaultTest, BrokenObjectsAreNotServed) {
  StartWithObject({.max_attempts = 2});
  FailFirst(100, "GET", {.breaks = true});
  EXPECT_EQ(bucket_->Get({}, "object").status().code(), base::StatusCode::kUnavailable);
}

TEST_F(S3FaultTest, AHangingServerIsLeftAtTheDeadline) {
  StartWithObject();
  FailFirst(100, "GET", {.hangs = true});
  const base::CancelSource source({}, std::chrono::milliseconds(200));
  EXPECT_EQ(bucket_->Get(source.token(), "object").status().code(), base::StatusCode::kDeadlineExceeded);
}

TEST_F(S3FaultTest, AHangingAnswerIsTriedAgain) {
  StartWithObject({.response_header_timeout = std::chrono::milliseconds(1)});
  FailFirst(1, "GET", {.hangs = true});
  EXPECT_EQ(bucket_->Get({}, "object")->bytes, content_);
}

TEST_F(S3FaultTest, WaitsAsLongAsTheServerAsks) {
  StartWithObject();
  FailFirst(1, "GET", {.status = 503, .code = "SlowDown", .retry_after_s = 30});
  // Waiting would outlast the deadline, so the error comes at once.
  const base::CancelSource source({}, std::chrono::seconds(20));
  const auto start = base::SteadyNow();
  EXPECT_EQ(bucket_->Get(source.token(), "object").status().code(), base::StatusCode::kUnavailable);
  EXPECT_LT(base::SteadyNow() - start, std::chrono::seconds(15));
  EXPECT_EQ(NumCalls("GET"), 1U);
}

TEST_F(S3FaultTest, ListingsAreCompleteOrAnError) {
  Start({.max_keys = 2}, {.max_attempts = 2});
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    fake_->PutObject(name, "x");
  }
  for (const S3Fault& fault : {S3Fault{.status = 500}, S3Fault{.breaks = true}, S3Fault{.drop_bytes = 3},
                               S3Fault{.drops_entry = true}, S3Fault{.error_in_success = true}}) {
    fake_->SetPlan(
        [fault](const S3Call& call) { return call.HasQuery("continuation-token") ? fault : S3Fault(); });
    EXPECT_FALSE(Names().ok());
    FailFirst(1, "GET", fault);
    const auto names = Names();
    ASSERT_TRUE(names.ok()) << names.status();
    EXPECT_THAT(*names, ElementsAre("a", "b", "c", "d", "e"));
  }
}

TEST_F(S3FaultTest, UploadsThatFailLeaveNothing) {
  const std::string content(5000, 'a');
  for (const char* step : {"uploads", "partNumber", "uploadId"}) {
    SCOPED_TRACE(step);
    Start({}, {.part_size_bytes = 1000, .max_attempts = 2});
    for (const S3Fault& fault : {S3Fault{.status = 500}, S3Fault{.status = 403, .code = "AccessDenied"}}) {
      // By value: a part that was given up may still be on its way when the next round begins.
      fake_->SetPlan([step, fault](const S3Call& call) {
        return call.HasQuery(step) && call.method != "DELETE" ? fault : S3Fault();
      });
      EXPECT_FALSE(bucket_->Upload({}, "object", content).ok());
      EXPECT_EQ(fake_->num_open_uploads(), 0U);
      EXPECT_TRUE(fake_->objects().empty());
    }
  }
}

TEST_F(S3FaultTest, UploadsWhoseCompletionIsAnErrorDocumentFail) {
  Start({}, {.part_size_bytes = 1000, .max_attempts = 2});
  const auto complete_fails = [](const std::string& code) {
    return [code](const S3Call& call) {
      const bool completes = call.method == "POST" && call.HasQuery("uploadId");
      return completes ? S3Fault{.status = 200, .code = code} : S3Fault();
    };
  };
  for (const char* code : {"InternalError", "EntityTooSmall"}) {
    fake_->SetPlan(complete_fails(code));
    const base::Status status = bucket_->Upload({}, "object", std::string(5000, 'a'));
    EXPECT_THAT(std::string(base::Message(status)), HasSubstr(code));
    EXPECT_EQ(fake_->num_open_uploads(), 0U);
    EXPECT_TRUE(fake_->objects().empty());
  }
}

TEST_F(S3FaultTest, UnclearAnswersAreCheckedByReading) {
  // Everything is applied, and each first answer of a kind is lost.
  const std::string content(5000, 'a');
  Start({}, {.part_size_bytes = 1000, .max_attempts = 2});
  for (const char* method : {"POST", "PUT", "DELETE"}) {
    auto seen = std::make_shared<std::map<std::string, bool>>();
    auto mutex = std::make_shared<base::Mutex>();
    fake_->SetPlan([=](const S3Call& call) {
      base::MutexLock lock(*mutex);
      const std::string kind = base::Concat(call.method, call.HasQuery("uploads"));
      return call.method == method && !std::exchange((*seen)[kind], true)
                 ? S3Fault{.status = 500, .applied = true}
                 : S3Fault();
    });
    const base::Status uploaded = bucket_->Upload({}, "object", content);
    ASSERT_TRUE(uploaded.ok()) << method << ": " << uploaded;
    EXPECT_EQ(fake_->objects()["object"], content);
    const base::Status deleted = bucket_->Delete({}, "object");
    EXPECT_TRUE(deleted.ok()) << method << ": " << deleted;
    EXPECT_TRUE(fake_->objects().empty());
  }
}

TEST_F(S3FaultTest, CancelledUploadsAreAborted) {
  Start({}, {.part_size_bytes = 1000});
  base::CancelSource source;
  fake_->SetPlan([&](const S3Call& call) {
    if (call.HasQuery("partNumber") && call.HasQuery("uploadId") && call.method == "PUT") {
      source.Cancel();
    }
    return S3Fault();
  });
  EXPECT_EQ(bucket_->Upload(source.token(), "object", std::string(5000, 'a')).code(),
            base::StatusCode::kCancelled);
  EXPECT_EQ(fake_->num_open_uploads(), 0U);
  EXPECT_TRUE(fake_->objects().empty());
  fake_.reset();  // ends what still runs and uses the source
}

TEST_F(S3FaultTest, FilesThatShrinkAreNotUploaded) {
  Start({}, {.part_size_bytes = 1000});
  std::string path = ::testing::TempDir() + "/s3-shrinks-XXXXXX";
  const int fd = mkstemp(path.data());
  ASSERT_GE(fd, 0);
  ASSERT_EQ(ftruncate(fd, 5000), 0);
  fake_->SetPlan([&](const S3Call& call) {
    if (call.HasQuery("partNumber")) {
      EXPECT_EQ(ftruncate(fd, 100), 0);
    }
    return S3Fault();
  });
  EXPECT_EQ(bucket_->UploadFile({}, "object", path).code(), base::StatusCode::kDataLoss);
  EXPECT_EQ(fake_->num_open_uploads(), 0U);
  EXPECT_TRUE(fake_->objects().empty());
  fake_.reset();  // ends what still runs and uses the file
  close(fd);
}

TEST_F(S3FaultTest, RandomFaultsNeverFalsifyAnything) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  StartWithObject({.part_size_bytes = 2000, .max_attempts = 3});
  base::Mutex mutex;
  std::mt19937 random(seed);
  fake_->SetPlan([&](const S3Call& call) {
    base::MutexLock lock(mutex);
    S3Fault fault;
    switch (call.method == "DELETE" ? 99 : random() % 12) {
      case 0:
        fault.status = 500;
        break;
      case 1:
        fault = {.status = 503, .code = "SlowDown", .applied = true};
        break;
      case 2:
        fault.breaks = true;
        break;
      case 3:
        fault.drop_bytes = 1 + static_cast<int64_t>(random() % 100);
        break;
      case 4:
        fault.shift_range = 1;
        break;
      case 5:
        fault.drops_entry = true;
        break;
      default:
        break;
    }
    return fault;
  });
  for (int i = 0; i < 100; ++i) {
    const auto offset = static_cast<int64_t>(random() % 9000);
    if (const auto range = bucket_->GetRange({}, "object", offset, 1000); range.ok()) {
      ASSERT_EQ(range->bytes, content_.substr(static_cast<size_t>(offset), 1000));
    }
    if (i % 10 == 0) {
      const std::string name = base::Concat("upload-", i);
      const base::Status uploaded = bucket_->Upload({}, name, content_);
      const auto objects = fake_->objects();
      ASSERT_TRUE(!uploaded.ok() || objects.contains(name)) << uploaded;
      ASSERT_TRUE(!objects.contains(name) || objects.at(name) == content_);
      if (const auto names = Names(); names.ok()) {
        ASSERT_EQ(names->size(), objects.size());
      }
    }
  }
  fake_.reset();  // ends what still runs and uses the generator
}

}  // namespace
}  // namespace thanos::objstore
