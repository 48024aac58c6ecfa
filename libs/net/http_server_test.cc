#include "net/http_server.h"

#include <atomic>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

#include "base/mutex.h"
#include "concurrency/thread_pool.h"
#include "net/test_socket.h"

namespace thanos::net {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr auto kDeadline = std::chrono::seconds(20);

class HttpServerTest : public ::testing::Test {
 protected:
  void Create(HttpServerOptions options = {}) {
    options.address = "127.0.0.1:0";
    server_ = std::move(HttpServer::Create(options)).value();
    server_->AddRoute({{"GET", "POST"}, "/echo", [](const HttpRequest& request) {
                         std::string text = base::Concat(request.method, " ", request.path, "\n");
                         for (const auto& [name, value] : request.parameters) {
                           base::Append(text, name, "=", value, "\n");
                         }
                         return HttpResponse::Text(200, text + request.body);
                       }});
    server_->AddRoute({{}, "/fast", [](const HttpRequest&) { return HttpResponse::Text(200, "OK"); }, true});
  }
  void Start() { ASSERT_TRUE(server_->Start().ok()); }
  // One request on its own connection.
  std::string Exchange(const std::string& text) {
    TestSocket socket(server_->port());
    socket.Send(text);
    return socket.ReadAll();
  }
  std::string Get(const std::string& target) {
    return Exchange("GET " + target + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  }

  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersAndDecodesParameters) {
  Create();
  Start();
  const std::string answer = Get("/echo?a=1&b=x%20y+z&a=2");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 26\r\n"));
  EXPECT_THAT(answer, EndsWith("GET /echo\na=1\nb=x y z\na=2\n"));
}

TEST_F(HttpServerTest, FormParametersComeBeforeTheQuery) {
  Create();
  Start();
  const std::string answer = Exchange(
      "POST /echo?a=query HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: "
      "application/x-www-form-urlencoded; charset=utf-8\r\nContent-Length: 13\r\n\r\na=form&b=%41+");
  EXPECT_THAT(answer, EndsWith("POST /echo\na=form\nb=A \na=query\n"));
}

TEST_F(HttpServerTest, GivesEveryRequestAnId) {
  Create();
  server_->AddRoute({{}, "/id", [](const HttpRequest& request) {
                       return HttpResponse::Text(200, base::Concat(request.request_id, " ", request.target));
                     }});
  Start();
  EXPECT_THAT(
      Exchange("GET /id?a=%20 HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX-Request-ID: mine\r\n\r\n"),
      EndsWith("\r\n\r\nmine /id?a=%20"));
  EXPECT_THAT(Get("/id"), ::testing::ContainsRegex("\r\n\r\n[0-9A-Z]{26} /id$"));
}

TEST_F(HttpServerTest, OtherErrors) {
  Create();
  Start();
  EXPECT_THAT(Get("/missing"), AllOf(StartsWith("HTTP/1.1 404 "), EndsWith("\r\n\r\n404 page not found\n")));
  EXPECT_THAT(Exchange("DELETE /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("Allow: GET, POST\r\n"),
                    EndsWith("Method Not Allowed\n")));
  EXPECT_THAT(Get("/echo?a=%zz"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Exchange("nonsense\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 400 "), HasSubstr("Connection: close")));
}

TEST_F(HttpServerTest, HeadHasNoBody) {
  Create();
  Start();
  EXPECT_THAT(Exchange("HEAD /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
              AllOf(HasSubstr("Content-Length: 11\r\n"), EndsWith("\r\n\r\n")));
}

TEST_F(HttpServerTest, KeepsTheConnectionAndAnswersInOrder) {
  Create();
  Start();
  TestSocket socket(server_->port());
  socket.Send(
      "GET /echo?n=1 HTTP/1.1\r\nHost: h\r\n\r\nGET /fast HTTP/1.1\r\nHost: h\r\n\r\n"
      "GET /echo?n=3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::string answer = socket.ReadAll();
  const size_t first = answer.find("n=1");
  const size_t second = answer.find("OK", answer.find("OK") + 2);
  const size_t third = answer.find("n=3");
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_NE(third, std::string::npos);
}

TEST_F(HttpServerTest, LimitsBodyAndHeader) {
  HttpServerOptions options;
  options.max_body_bytes = 10;
  options.max_header_bytes = 500;
  Create(options);
  Start();
  // The answer arrives although the body is still being sent.
  EXPECT_THAT(Exchange("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\n\r\n" +
                       std::string(2'000'000, 'x')),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(Get("/" + std::string(1000, 'a')), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Get("/fast"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, SendsInterimResponseForExpect) {
  Create();
  Start();
  TestSocket socket(server_->port());
  socket.Send(
      "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: "
      "2\r\n\r\n");
  std::string answer;
  ASSERT_TRUE(socket.ReadUntil("HTTP/1.1 100 Continue\r\n\r\n", &answer));
  socket.Send("hi");
  EXPECT_THAT(socket.ReadAll(), EndsWith("POST /echo\nhi"));
}

TEST_F(HttpServerTest, RunsRequestsInParallel) {
  Create();
  std::atomic<int> inside{0};
  std::promise<void> all_inside;
  auto released = all_inside.get_future().share();
  server_->AddRoute({{"GET"}, "/wait", [&](const HttpRequest&) {
                       if (++inside == 8) {
                         all_inside.set_value();
                       }
                       const bool ready = released.wait_for(kDeadline) == std::future_status::ready;
                       return HttpResponse::Text(ready ? 200 : 500, std::string(100'000, 'x'));
                     }});
  Start();
  concurrency::ThreadPool clients("clients", 8);
  std::vector<std::promise<std::string>> answers(8);
  for (auto& answer : answers) {
    clients.Submit([&] { answer.set_value(Get("/wait")); });
  }
  for (auto& answer : answers) {
    const std::string text = answer.get_future().get();
    EXPECT_THAT(text, StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(text, EndsWith(std::string(100'000, 'x')));
  }
}

TEST_F(HttpServerTest, CancelsWhenTheClientLeaves) {
  Create();
  std::promise<void> entered;
  std::promise<bool> cancelled;
  server_->AddRoute({{"GET"}, "/long", [&](const HttpRequest& request) {
                       entered.set_value();
                       cancelled.set_value(!request.cancel.SleepFor(kDeadline));
                       return HttpResponse::Text(200, "");
                     }});
  Start();
  TestSocket socket(server_->port());
  socket.Send("GET /long HTTP/1.1\r\nHost: h\r\n\r\n");
  entered.get_future().wait();
  socket.Close();
  EXPECT_TRUE(cancelled.get_future().get());
}

TEST_F(HttpServerTest, RefusesBeyondTheQueueButAnswersProbes) {
  HttpServerOptions options;
  options.num_workers = 1;
  options.max_queued_requests = 0;
  Create(options);
  std::promise<void> entered;
  std::promise<void> release;
  server_->AddRoute({{"GET"}, "/hold", [&](const HttpRequest&) {
                       entered.set_value();
                       release.get_future().wait();
                       return HttpResponse::Text(200, "done");
                     }});
  Start();
  TestSocket holder(server_->port());
  holder.Send("GET /hold HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  entered.get_future().wait();
  EXPECT_THAT(Get("/echo"), AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("Retry-After: 1\r\n")));
  EXPECT_THAT(Get("/fast"), StartsWith("HTTP/1.1 200 "));
  release.set_value();
  EXPECT_THAT(holder.ReadAll(), EndsWith("done"));
}

TEST_F(HttpServerTest, StopWaitsForRunningRequests) {
  Create();
  std::promise<void> entered;
  std::promise<void> release;
  server_->AddRoute({{"GET"}, "/hold", [&](const HttpRequest&) {
                       entered.set_value();
                       release.get_future().wait();
                       return HttpResponse::Text(200, "done");
                     }});
  Start();
  TestSocket idle(server_->port());
  TestSocket holder(server_->port());
  holder.Send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
  entered.get_future().wait();
  std::thread stopper([&] { server_->Stop(kDeadline); });
  EXPECT_EQ(idle.ReadAll(), "");  // closed, since it waits for nothing
  EXPECT_LT(TryConnect(server_->port()), 0);
  release.set_value();
  EXPECT_THAT(holder.ReadAll(), AllOf(HasSubstr("Connection: close"), EndsWith("done")));
  stopper.join();
}

TEST_F(HttpServerTest, StopCancelsAfterTheGracePeriod) {
  Create();
  std::promise<void> entered;
  server_->AddRoute({{"GET"}, "/long", [&](const HttpRequest& request) {
                       entered.set_value();
                       return HttpResponse::Text(request.cancel.SleepFor(kDeadline) ? 200 : 503, "cancelled");
                     }});
  Start();
  TestSocket socket(server_->port());
  socket.Send("GET /long HTTP/1.1\r\nHost: h\r\n\r\n");
  entered.get_future().wait();
  server_->Stop(std::chrono::milliseconds(1));
  EXPECT_THAT(socket.ReadAll(), StartsWith("HTTP/1.1 503 "));
}

TEST_F(HttpServerTest, ClosesIdleConnections) {
  HttpServerOptions options;
  options.idle_timeout = std::chrono::milliseconds(50);
  Create(options);
  Start();
  TestSocket silent(server_->port());
  EXPECT_EQ(silent.ReadAll(), "");
  TestSocket after(server_->port());
  after.Send("GET /fast HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(after.ReadAll(), EndsWith("OK"));
}

TEST_F(HttpServerTest, SlowReaderDoesNotDisturbOthers) {
  HttpServerOptions options;
  options.num_loops = 1;
  options.num_workers = 1;
  Create(options);
  server_->AddRoute({{"GET"}, "/big", [](const HttpRequest&) {
                       return HttpResponse::Text(200, std::string(32 << 20, 'x'));
                     }});
  Start();
  TestSocket slow(server_->port());
  slow.Send("GET /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  std::string begin;
  ASSERT_TRUE(slow.ReadUntil("HTTP/1.1 200", &begin));
  EXPECT_THAT(Get("/echo"), StartsWith("HTTP/1.1 200 "));
  EXPECT_GT(slow.ReadAll().size(), size_t{30 << 20});
}

TEST_F(HttpServerTest, ObservesEveryAnswer) {
  Create();
  base::Mutex mutex;
  std::vector<std::string> seen;
  server_->SetObserver([&](const HttpServer::Observation& observation) {
    base::MutexLock lock(mutex);
    seen.push_back(base::Concat(observation.method, " ", observation.pattern, " ", observation.status));
  });
  Start();
  Get("/echo");
  Get("/fast");
  Get("/missing");
  base::MutexLock lock(mutex);
  EXPECT_THAT(seen, ::testing::ElementsAre("GET /echo 200", "GET /fast 200", "GET  404"));
}

TEST(HttpServerStartTest, ReportsBadAndUsedAddresses) {
  HttpServerOptions options;
  options.address = "127.0.0.1";
  EXPECT_FALSE((*HttpServer::Create(options))->Start().ok());
  options.address = "127.0.0.1:0";
  auto first = HttpServer::Create(options);
  ASSERT_TRUE((*first)->Start().ok());
  options.address = base::Concat("127.0.0.1:", (*first)->port());
  EXPECT_EQ((*HttpServer::Create(options))->Start().code(), base::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace thanos::net
