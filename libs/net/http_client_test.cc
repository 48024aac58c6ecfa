#include "net/http_client.h"

#include <atomic>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>
#include <unistd.h>

#include "concurrency/thread_pool.h"
#include "net/http_server.h"
#include "net/listen.h"
#include "net/url.h"

namespace thanos::net {
namespace {

constexpr auto kDeadline = std::chrono::seconds(20);

class HttpClientTest : public ::testing::Test {
 protected:
  HttpClientTest() {
    HttpServerOptions options;
    options.address = "127.0.0.1:0";
    server_ = std::move(HttpServer::Create(options)).value();
    server_->AddRoute({{}, "/echo", [](const HttpRequest& request) {
                         HttpResponse response =
                             HttpResponse::Text(200, base::Concat(request.method, " ", request.body));
                         const std::string* header = request.Header("X-Sent");
                         response.headers.push_back({"X-Got", header == nullptr ? "" : *header});
                         const std::string* type = request.Header("Content-Type");
                         response.headers.push_back({"X-Type", type == nullptr ? "none" : *type});
                         return response;
                       }});
    server_->AddRoute(
        {{}, "/big", [](const HttpRequest&) { return HttpResponse::Text(200, std::string(5 << 20, 'x')); }});
    server_->AddRoute({{}, "/wait", [this](const HttpRequest& request) {
                         ++num_waiting_;
                         request.cancel.SleepFor(kDeadline);
                         return HttpResponse::Text(200, "late");
                       }});
    server_->AddRoute({{}, "/redirect", [](const HttpRequest& request) {
                         HttpResponse response = HttpResponse::Text(302, "moved");
                         response.headers.push_back({"Location", *request.Parameter("to")});
                         return response;
                       }});
    server_->AddRoute({{}, "/peer", [](const HttpRequest& request) {
                         return HttpResponse::Text(200, request.remote_address);
                       }});
    EXPECT_TRUE(server_->Start().ok());
  }
  std::string Address(std::string_view path) {
    return base::Concat("http://127.0.0.1:", server_->port(), path);
  }

  std::atomic<int> num_waiting_{0};
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<HttpClient> client_ = HttpClient::Create({});
};

TEST_F(HttpClientTest, SendsMethodHeadersAndBody) {
  const auto get = client_->Do({}, {.url = Address("/echo"), .headers = {{"X-Sent", "v"}}});
  ASSERT_TRUE(get.ok()) << get.status();
  EXPECT_EQ(get->status, 200);
  EXPECT_EQ(get->body, "GET ");
  EXPECT_EQ(*get->Header("x-got"), "v");
  const auto post =
      client_->Do({}, {.method = "POST", .url = Address("/echo"), .body = std::string("a\0b", 3)});
  ASSERT_TRUE(post.ok()) << post.status();
  EXPECT_EQ(post->body, std::string("POST a\0b", 8));
  EXPECT_EQ(*post->Header("X-Type"), "none");
  EXPECT_EQ(client_->Do({}, {.method = "PUT", .url = Address("/echo"), .body = "x"})->body, "PUT x");
  EXPECT_EQ(client_->Do({}, {.method = "DELETE", .url = Address("/echo")})->body, "DELETE ");
  EXPECT_EQ(client_->Do({}, {.method = "HEAD", .url = Address("/echo")})->body, "");
  EXPECT_EQ(client_->Do({}, {.method = "POST", .url = Address("/echo")})->body, "POST ");
  EXPECT_EQ(client_->Do({}, {.url = Address("/missing")})->status, 404);
}

TEST_F(HttpClientTest, AsksForGzipAndUndoesIt) {
  const auto plain = client_->Do({}, {.url = Address("/big"), .headers = {{"Accept-Encoding", "identity"}}});
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(*plain->Header("Content-Length"), "5242880");
  const auto decoded = client_->Do({}, {.url = Address("/big")});
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->body, plain->body);
  EXPECT_EQ(decoded->Header("Content-Encoding"), nullptr);
  EXPECT_EQ(decoded->Header("Content-Length"), nullptr);
  const auto raw = client_->Do({}, {.url = Address("/big"), .headers = {{"Accept-Encoding", "gzip"}}});
  ASSERT_TRUE(raw.ok()) << raw.status();
  EXPECT_EQ(*raw->Header("Content-Encoding"), "gzip");
  EXPECT_LT(raw->body.size(), size_t{100000});
}

TEST_F(HttpClientTest, TheSizeLimitCountsDecodedBytes) {
  const auto limited = HttpClient::Create({.max_response_bytes = 1 << 20});
  EXPECT_EQ(limited->Do({}, {.url = Address("/big")}).status().code(), base::StatusCode::kResourceExhausted);
}

TEST_F(HttpClientTest, StreamsDecodedBodies) {
  const auto stream = client_->Open({}, {.url = Address("/big")});
  ASSERT_TRUE(stream.ok()) << stream.status();
  size_t total = 0;
  while (true) {
    std::string piece;
    const auto more = (*stream)->Read({}, &piece);
    ASSERT_TRUE(more.ok()) << more.status();
    if (!*more) {
      break;
    }
    EXPECT_LE(piece.size(), size_t{256} << 10);
    total += piece.size();
  }
  EXPECT_EQ(total, size_t{5} << 20);
}

TEST_F(HttpClientTest, RefusesHeaderInjectionAndBadUrls) {
  EXPECT_EQ(client_->Do({}, {.url = Address("/echo"), .headers = {{"X", "a\r\nY: b"}}}).status().code(),
            base::StatusCode::kInvalidArgument);
  EXPECT_EQ(client_->Do({}, {.url = "file:///etc/passwd"}).status().code(),
            base::StatusCode::kInvalidArgument);
  EXPECT_EQ(client_->Do({}, {.url = "ftp://localhost/x"}).status().code(),
            base::StatusCode::kInvalidArgument);
}

TEST_F(HttpClientTest, RunsRequestsInParallelOnPooledConnections) {
  concurrency::ThreadPool pool("clients", 8);
  std::vector<std::promise<std::string>> bodies(64);
  for (size_t i = 0; i < bodies.size(); ++i) {
    pool.Submit([&, i] {
      const auto got = client_->Do({}, {.method = "POST", .url = Address("/echo"), .body = base::Concat(i)});
      bodies[i].set_value(got.ok() ? got->body : std::string(base::Message(got.status())));
    });
  }
  for (size_t i = 0; i < bodies.size(); ++i) {
    EXPECT_EQ(bodies[i].get_future().get(), base::Concat("POST ", i));
  }
}

TEST_F(HttpClientTest, LimitsTheResponse) {
  const auto small = HttpClient::Create({.max_response_bytes = 1 << 20});
  EXPECT_EQ(small->Do({}, {.url = Address("/big")}).status().code(), base::StatusCode::kResourceExhausted);
  EXPECT_EQ(client_->Do({}, {.url = Address("/big")})->body.size(), size_t{5 << 20});
}

TEST_F(HttpClientTest, WakesOnCancellationAndDeadline) {
  base::CancelSource source;
  std::thread canceller([&] {
    while (num_waiting_ == 0) {
      std::this_thread::yield();
    }
    source.Cancel();
  });
  const auto start = base::SteadyNow();
  EXPECT_EQ(client_->Do(source.token(), {.url = Address("/wait")}).status().code(),
            base::StatusCode::kCancelled);
  canceller.join();
  base::CancelSource timed(base::CancelToken(), std::chrono::milliseconds(50));
  EXPECT_EQ(client_->Do(timed.token(), {.url = Address("/wait")}).status().code(),
            base::StatusCode::kDeadlineExceeded);
  const auto limited = HttpClient::Create({.default_timeout = std::chrono::milliseconds(50)});
  EXPECT_EQ(limited->Do({}, {.url = Address("/wait")}).status().code(), base::StatusCode::kDeadlineExceeded);
  EXPECT_LT(base::SteadyNow() - start, kDeadline);
}

TEST_F(HttpClientTest, UnreachableIsUnavailable) {
  const auto socket = ListenOn("127.0.0.1:0");
  ASSERT_TRUE(socket.ok());
  close(socket->fd);  // nobody listens there any more
  EXPECT_EQ(client_->Do({}, {.url = base::Concat("http://127.0.0.1:", socket->port, "/")}).status().code(),
            base::StatusCode::kUnavailable);
}

TEST_F(HttpClientTest, AsksTheProxyItIsGiven) {
  // The server stands in for the proxy: such a name is found nowhere else.
  const auto proxied = HttpClient::Create({.proxy_url = Address("")});
  const auto response = proxied->Do({}, {.url = "http://prometheus.invalid/echo"});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->body, "GET ");
  const auto direct = HttpClient::Create({.use_proxy = false, .proxy_url = Address("")});
  EXPECT_FALSE(direct->Do({}, {.url = "http://prometheus.invalid/echo"}).ok());
}

TEST_F(HttpClientTest, FollowsRedirectsWithinTheHostOnly) {
  const auto same = client_->Do({}, {.url = Address("/redirect?to=/echo")});
  ASSERT_TRUE(same.ok());
  EXPECT_EQ(same->body, "GET ");
  const auto other =
      client_->Do({}, {.url = Address("/redirect?to=" + QueryEscape("http://localhost:1/echo"))});
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(other->status, 302);
  EXPECT_EQ(client_->Do({}, {.url = Address("/redirect?to=" + QueryEscape("/redirect?to=%2Fecho"))})->body,
            "GET ");
}

TEST_F(HttpClientTest, StreamsPieceByPiece) {
  for (int round = 0; round < 2; ++round) {
    auto stream = client_->Open({}, {.url = Address("/big")});
    ASSERT_TRUE(stream.ok()) << stream.status();
    EXPECT_EQ((*stream)->status(), 200);
    size_t total = 0;
    size_t largest = 0;
    while (true) {
      std::string piece;
      const auto more = (*stream)->Read({}, &piece);
      ASSERT_TRUE(more.ok()) << more.status();
      if (!*more) {
        break;
      }
      total += piece.size();
      largest = std::max(largest, piece.size());
    }
    EXPECT_EQ(total, size_t{5 << 20});
    EXPECT_LE(largest, size_t{256 << 10});
  }
}

TEST_F(HttpClientTest, AStreamCanBeLeftEarlyOrCancelled) {
  auto stream = client_->Open({}, {.url = Address("/big")});
  ASSERT_TRUE(stream.ok());
  std::string piece;
  ASSERT_TRUE((*stream)->Read({}, &piece).ok());
  base::CancelSource source;
  source.Cancel();
  EXPECT_EQ((*stream)->Read(source.token(), &piece).status().code(), base::StatusCode::kCancelled);
  stream->reset();
  EXPECT_EQ(client_->Do({}, {.url = Address("/echo")})->body, "GET ");
}

class TestSource final : public BodySource {
 public:
  explicit TestSource(std::string content, int64_t fails_at = -1)
      : content_(std::move(content)), fails_at_(fails_at) {}
  int64_t size_bytes() const override { return static_cast<int64_t>(content_.size()); }
  base::Status Read(int64_t offset, std::span<char> out) const override {
    if (fails_at_ >= 0 && offset + static_cast<int64_t>(out.size()) > fails_at_) {
      return base::DataLoss("unreadable");
    }
    content_.copy(out.data(), out.size(), static_cast<size_t>(offset));
    return base::OkStatus();
  }

 private:
  const std::string content_;
  const int64_t fails_at_;
};

TEST_F(HttpClientTest, SendsBodiesFromASource) {
  for (const size_t size : {0U, 1U, 100'000U, 3'000'000U}) {
    const TestSource source(std::string(size, 'x'));
    for (const char* method : {"PUT", "POST"}) {
      const auto response =
          client_->Do({}, {.method = method, .url = Address("/echo"), .body_source = &source});
      ASSERT_TRUE(response.ok()) << response.status();
      EXPECT_EQ(response->body, base::Concat(method, " ", std::string(size, 'x')));
      EXPECT_EQ(*response->Header("X-Type"), "none");
    }
  }
  const TestSource broken(std::string(1'000'000, 'x'), 500'000);
  EXPECT_EQ(
      client_->Do({}, {.method = "PUT", .url = Address("/echo"), .body_source = &broken}).status().code(),
      base::StatusCode::kDataLoss);
}

TEST_F(HttpClientTest, KeepsAndDropsIdleConnectionsAsTold) {
  const auto peers = [&](HttpClientOptions options) {
    const auto client = HttpClient::Create(std::move(options));
    const std::string first = client->Do({}, {.url = Address("/peer")})->body;
    return std::pair(first, client->Do({}, {.url = Address("/peer")})->body);
  };
  const auto [kept_first, kept_second] = peers({});
  EXPECT_EQ(kept_first, kept_second);
  const auto [aged_first, aged_second] = peers({.idle_timeout = std::chrono::nanoseconds(1)});
  EXPECT_NE(aged_first, aged_second);
  const auto [none_first, none_second] = peers({.max_idle_connections = 0});
  EXPECT_NE(none_first, none_second);
}

TEST_F(HttpClientTest, LimitsItsConnections) {
  const auto client = HttpClient::Create({.max_connections = 1});
  {
    const auto stream = client->Open({}, {.url = Address("/big")});
    ASSERT_TRUE(stream.ok()) << stream.status();
    const base::CancelSource limited({}, std::chrono::milliseconds(50));
    EXPECT_EQ(client->Do(limited.token(), {.url = Address("/echo")}).status().code(),
              base::StatusCode::kDeadlineExceeded);
    base::CancelSource left;
    auto waiting = std::async(std::launch::async, [&] {
      return client->Do(left.token(), {.url = Address("/echo")}).status().code();
    });
    left.Cancel();
    EXPECT_EQ(waiting.get(), base::StatusCode::kCancelled);
  }
  // Failed requests give their place back too.
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(client->Do({}, {.url = "no url"}).ok());
    EXPECT_EQ(client->Do({}, {.url = Address("/echo")})->body, "GET ");
  }
}

}  // namespace
}  // namespace thanos::net
