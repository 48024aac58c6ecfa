#include "block/blocks_api.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "objstore/fake.h"

namespace thanos::block {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kNowMs = 1'750'000'000'000;
const model::Ulid kBlock = model::Ulid::FromParts(kNowMs, 0, 7);

class BlocksApiTest : public ::testing::Test {
 protected:
  void Open(BlocksApiOptions options = {}) {
    api_ = std::make_unique<BlocksApi>(std::move(options), bucket_, clock_);
    routes_ = api_->Routes();
  }
  net::HttpResponse Call(const std::string& method, const std::string& pattern, net::Parameters parameters,
                         std::vector<net::HttpHeader> headers = {}) {
    net::HttpRequest request;
    request.method = method;
    request.parameters = std::move(parameters);
    request.headers = std::move(headers);
    for (const net::HttpServer::Route& route : routes_) {
      if (route.pattern == pattern && route.methods == std::vector<std::string>{method}) {
        return route.handler(request);
      }
    }
    ADD_FAILURE() << "no route " << method << " " << pattern;
    return {};
  }
  std::string Get(const std::string& view) { return Call("GET", "/api/v1/blocks", {{"view", view}}).body; }
  net::HttpResponse Mark(net::Parameters parameters, std::vector<net::HttpHeader> headers = {}) {
    return Call("POST", "/api/v1/blocks/mark", std::move(parameters), std::move(headers));
  }
  std::string ObjectOf(std::string_view name) {
    const auto content = bucket_.Get({}, base::Concat(kBlock.ToString(), "/", name));
    return content.ok() ? std::string(content->bytes) : "none";
  }
  static MetaMap OneBlock() {
    auto meta = std::make_shared<Meta>();
    meta->ulid = kBlock;
    meta->min_time_ms = 1;
    meta->max_time_ms = 2;
    meta->thanos.emplace().labels = labels::Labels({{"cluster", "a<b"}});
    return {{kBlock, meta}};
  }

  objstore::MemoryBucket bucket_;
  base::FakeClock clock_{kNowMs};
  std::unique_ptr<BlocksApi> api_;
  std::vector<net::HttpServer::Route> routes_;
};

TEST_F(BlocksApiTest, ShowsTheViews) {
  Open({.label = "cluster"});
  const std::string empty =
      "{\"status\":\"success\",\"data\":{\"label\":\"cluster\",\"blocks\":[],"
      "\"refreshedAt\":\"0001-01-01T00:00:00Z\",\"err\":null}}\n";
  EXPECT_EQ(Get("global"), empty);
  EXPECT_EQ(Get("loaded"), empty);
  api_->SetLoaded(OneBlock(), base::OkStatus());
  EXPECT_EQ(Get(""), empty);
  const std::string loaded = Get("loaded");
  EXPECT_THAT(loaded,
              HasSubstr(base::Concat(R"("blocks":[{"ulid":")", kBlock.ToString(), R"(","minTime":1,)")));
  EXPECT_THAT(loaded, HasSubstr(R"("cluster":"a\u003cb")"));
  EXPECT_THAT(loaded, HasSubstr(R"("refreshedAt":"2025-06-15T)"));
  // An error keeps what was known.
  api_->SetLoaded({}, base::Unavailable("bucket is away"));
  EXPECT_THAT(Get("loaded"), HasSubstr(kBlock.ToString()));
  EXPECT_THAT(Get("loaded"), HasSubstr(R"("err":"bucket is away")"));
  api_->SetGlobal(OneBlock(), base::OkStatus());
  EXPECT_THAT(Get("global"), HasSubstr(kBlock.ToString()));
}

TEST_F(BlocksApiTest, MarksBlocks) {
  Open();
  const std::string id = kBlock.ToString();
  const net::HttpResponse response = Mark({{"id", id}, {"action", "DELETION"}, {"detail", "old"}});
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(response.body, "");
  const auto mark = ParseDeletionMark(ObjectOf(kDeletionMarkFileName));
  ASSERT_TRUE(mark.ok()) << mark.status();
  EXPECT_EQ(*mark, (DeletionMark{kBlock, "old", kNowMs / 1000}));
  EXPECT_EQ(Mark({{"id", id}, {"action", "NO_COMPACTION"}, {"detail", "keep"}}).status, 204);
  const auto no_compact = ParseNoCompactMark(ObjectOf(kNoCompactMarkFileName));
  ASSERT_TRUE(no_compact.ok()) << no_compact.status();
  EXPECT_EQ(*no_compact, (NoCompactMark{kBlock, "keep", kNowMs / 1000, "manual"}));
  // The first mark stays: its time counts.
  clock_.Advance(60'000);
  EXPECT_EQ(Mark({{"id", id}, {"action", "DELETION"}}).status, 204);
  EXPECT_EQ(ParseDeletionMark(ObjectOf(kDeletionMarkFileName))->deletion_time_s, kNowMs / 1000);
}

TEST_F(BlocksApiTest, RefusesBadMarks) {
  Open();
  const std::string id = kBlock.ToString();
  const std::vector<std::pair<net::Parameters, std::string>> cases = {
      {{{"action", "DELETION"}}, "ID cannot be empty"},
      {{{"id", id}}, "Action cannot be empty"},
      {{{"id", "../x"}, {"action", "DELETION"}}, "is not valid"},
      {{{"id", id}, {"action", "DELETE"}}, "not supported marker"}};
  for (const auto& [parameters, text] : cases) {
    const net::HttpResponse response = Mark(parameters);
    EXPECT_EQ(response.status, 400) << text;
    EXPECT_THAT(response.body, HasSubstr(R"("errorType":"bad_data")"));
    EXPECT_THAT(response.body, HasSubstr(text));
  }
  Open({.disable_admin_operations = true});
  const net::HttpResponse disabled = Mark({{"id", id}, {"action", "DELETION"}});
  EXPECT_EQ(disabled.status, 400);
  EXPECT_THAT(disabled.body, HasSubstr("Admin operations are disabled"));
  EXPECT_EQ(ObjectOf(kDeletionMarkFileName), "none");
}

TEST_F(BlocksApiTest, RefusesOtherSites) {
  Open();
  const net::Parameters mark = {{"id", kBlock.ToString()}, {"action", "DELETION"}};
  EXPECT_EQ(Mark(mark, {{"Sec-Fetch-Site", "cross-site"}}).status, 403);
  EXPECT_EQ(Mark(mark, {{"Origin", "http://evil.example"}, {"Host", "store:10902"}}).status, 403);
  EXPECT_EQ(Mark(mark, {{"Origin", "null"}, {"Host", "store:10902"}}).status, 403);
  EXPECT_EQ(ObjectOf(kDeletionMarkFileName), "none");
  EXPECT_EQ(Mark(mark, {{"Origin", "http://store:10902"}, {"Host", "store:10902"}}).status, 204);
  EXPECT_NE(ObjectOf(kDeletionMarkFileName), "none");
}

TEST_F(BlocksApiTest, CorsCanBeOff) {
  Open();
  EXPECT_EQ(Call("OPTIONS", "/api/v1/*", {}).headers.size(), 4U);
  EXPECT_EQ(Call("GET", "/api/v1/blocks", {}).headers.size(), 4U);
  Open({.cors = false});
  EXPECT_EQ(Call("OPTIONS", "/api/v1/*", {}).status, 204);
  EXPECT_TRUE(Call("OPTIONS", "/api/v1/*", {}).headers.empty());
}

TEST_F(BlocksApiTest, BucketTroubleIsAnError) {
  objstore::FaultBucket broken(bucket_, [](const objstore::BucketCall&) {
    return objstore::Fault{.error = base::Unavailable("away")};
  });
  BlocksApi api({}, broken, clock_);
  routes_ = api.Routes();
  EXPECT_EQ(Mark({{"id", kBlock.ToString()}, {"action", "DELETION"}}).status, 500);
}

}  // namespace
}  // namespace thanos::block
