#include "base/cancel.h"

#include <chrono>
#include <gtest/gtest.h>
#include <thread>

namespace thanos::base {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(CancelTest, DefaultTokenIsNeverCancelled) {
  const CancelToken token;
  EXPECT_FALSE(token.cancelled());
  EXPECT_TRUE(token.status().ok());
  EXPECT_EQ(token.deadline(), kNoDeadline);
}

TEST(CancelTest, FirstReasonWins) {
  CancelSource source;
  source.Cancel(Unavailable("first"));
  source.Cancel(Internal("second"));
  EXPECT_EQ(Message(source.token().status()), "first");
}

TEST(CancelTest, ChildFollowsParentButNotTheOtherWay) {
  CancelSource parent;
  CancelSource child(parent.token());
  CancelSource sibling(parent.token());
  sibling.Cancel();
  EXPECT_FALSE(parent.token().cancelled());
  parent.Cancel(Aborted("stop"));
  EXPECT_EQ(Message(child.token().status()), "stop");
}

TEST(CancelTest, DeadlineOnlyShrinks) {
  CancelSource parent(CancelToken(), SteadyNow() + milliseconds(1));
  CancelSource child(parent.token(), Duration(seconds(100)));
  EXPECT_EQ(child.token().deadline(), parent.token().deadline());
  EXPECT_FALSE(child.token().SleepFor(seconds(30)));
  EXPECT_EQ(child.token().status().code(), StatusCode::kDeadlineExceeded);
}

TEST(CancelTest, CallbackRunsOnceAndNotAfterUnregistering) {
  CancelSource source;
  int kept = 0;
  int dropped = 0;
  const CancelRegistration registration = source.token().OnCancel([&] { ++kept; });
  {
    const CancelRegistration gone = source.token().OnCancel([&] { ++dropped; });
  }
  source.Cancel();
  source.Cancel();
  EXPECT_EQ(kept, 1);
  EXPECT_EQ(dropped, 0);
  int late = 0;
  const CancelRegistration at_once = source.token().OnCancel([&] { ++late; });
  EXPECT_EQ(late, 1);
}

TEST(CancelTest, CancelWakesASleeper) {
  CancelSource source;
  std::jthread canceller([&] { source.Cancel(); });
  EXPECT_FALSE(source.token().SleepFor(seconds(30)));
}

}  // namespace
}  // namespace thanos::base
