#include "block/blocks_api.h"

#include <utility>

#include "base/strings.h"
#include "block/internal/json.h"
#include "block/markers.h"
#include "telemetry/log.h"

namespace thanos::block {
namespace {

// How Go writes a time that was never set.
constexpr std::string_view kNever = "0001-01-01T00:00:00Z";
constexpr std::string_view kManualReason = "manual";

net::HttpResponse Json(int status, const rapidjson::Value& value) {
  net::HttpResponse response;
  response.status = status;
  response.content_type = "application/json";
  response.body = internal::FormatJson(value, "");
  return response;
}

net::HttpResponse Error(int status, std::string_view type, std::string_view text) {
  rapidjson::Document document;
  document.SetObject();
  auto& allocator = document.GetAllocator();
  internal::SetMember(document, "status", internal::ToValue("error", allocator), allocator);
  internal::SetMember(document, "errorType", internal::ToValue(type, allocator), allocator);
  internal::SetMember(document, "error", internal::ToValue(text, allocator), allocator);
  net::HttpResponse response = Json(status, document);
  response.headers.push_back({"Cache-Control", "no-store"});
  return response;
}

net::HttpResponse BadData(std::string_view text) {
  return Error(400, "bad_data", text);
}

std::string Parameter(const net::HttpRequest& request, std::string_view name) {
  const std::string* value = request.Parameter(name);
  return value != nullptr ? *value : std::string();
}

// True when a page of another site sent this. Browsers say so; other clients send neither header.
bool IsCrossOrigin(const net::HttpRequest& request) {
  if (const std::string* site = request.Header("Sec-Fetch-Site")) {
    return *site != "same-origin" && *site != "none";
  }
  const std::string* origin = request.Header("Origin");
  if (origin == nullptr) {
    return false;
  }
  const std::string* host = request.Header("Host");
  const size_t scheme_end = origin->find("://");
  return host == nullptr || scheme_end == std::string::npos || origin->substr(scheme_end + 3) != *host;
}

void AddCorsHeaders(net::HttpResponse* response) {
  response->headers.push_back(
      {"Access-Control-Allow-Headers", "Accept, Accept-Encoding, Authorization, Content-Type, Origin"});
  response->headers.push_back({"Access-Control-Allow-Methods", "GET, OPTIONS"});
  response->headers.push_back({"Access-Control-Allow-Origin", "*"});
  response->headers.push_back({"Access-Control-Expose-Headers", "Date"});
}

net::HttpResponse NoContent() {
  net::HttpResponse response;
  response.status = 204;
  return response;
}

}  // namespace

void BlocksApi::Set(const MetaMap& metas, const base::Status& error, View* view) {
  std::vector<std::shared_ptr<const Meta>> blocks;
  for (const auto& entry : metas) {
    blocks.push_back(entry.second);
  }
  const int64_t now_ms = clock_.NowMs();
  base::MutexLock lock(mutex_);
  if (error.ok()) {
    view->blocks.swap(blocks);
  }
  view->refreshed_at_ms = now_ms;
  view->error = base::Message(error);
}

net::HttpResponse BlocksApi::Blocks(const net::HttpRequest& request) {
  View view;
  {
    base::MutexLock lock(mutex_);
    view = Parameter(request, "view") == "loaded" ? loaded_ : global_;
  }
  rapidjson::Document document;
  document.SetObject();
  auto& allocator = document.GetAllocator();
  rapidjson::Value blocks(rapidjson::kArrayType);
  for (const auto& meta : view.blocks) {
    rapidjson::Document block(&allocator);
    if (internal::ParseJsonObject(FormatMeta(*meta), &block).ok()) {
      blocks.PushBack(block, allocator);
    }
  }
  rapidjson::Value data(rapidjson::kObjectType);
  internal::SetMember(data, "label", internal::ToValue(options_.label, allocator), allocator);
  internal::SetMember(data, "blocks", std::move(blocks), allocator);
  const std::string refreshed =
      view.refreshed_at_ms == 0 ? std::string(kNever) : FormatRfc3339(view.refreshed_at_ms);
  internal::SetMember(data, "refreshedAt", internal::ToValue(refreshed, allocator), allocator);
  internal::SetMember(data, "err",
                      view.error.empty() ? rapidjson::Value() : internal::ToValue(view.error, allocator),
                      allocator);
  internal::SetMember(document, "status", internal::ToValue("success", allocator), allocator);
  internal::SetMember(document, "data", std::move(data), allocator);
  return Json(200, document);
}

base::Status BlocksApi::Put(const base::CancelToken& cancel, const std::string& name,
                            const std::string& content) {
  TH_ASSIGN_OR_RETURN(const bool exists, bucket_.Exists(cancel, name));
  if (exists) {
    TH_LOG(kWarn, "requested to mark a block that is marked already").With("object", name);
    return base::OkStatus();
  }
  TH_RETURN_IF_ERROR(bucket_.Upload(cancel, name, content));
  TH_LOG(kInfo, "block has been marked").With("object", name);
  return base::OkStatus();
}

base::Status BlocksApi::MarkForDeletion(const base::CancelToken& cancel, const model::Ulid& id,
                                        std::string details) {
  const DeletionMark mark{id, std::move(details), clock_.NowMs() / 1000};
  return Put(cancel, base::Concat(id.ToString(), "/", kDeletionMarkFileName), FormatMark(mark));
}

base::Status BlocksApi::MarkForNoCompaction(const base::CancelToken& cancel, const model::Ulid& id,
                                            std::string details) {
  const NoCompactMark mark{id, std::move(details), clock_.NowMs() / 1000, std::string(kManualReason)};
  return Put(cancel, base::Concat(id.ToString(), "/", kNoCompactMarkFileName), FormatMark(mark));
}

net::HttpResponse BlocksApi::Mark(const net::HttpRequest& request) {
  if (options_.disable_admin_operations) {
    return BadData("Admin operations are disabled");
  }
  if (IsCrossOrigin(request)) {
    return Error(403, "bad_data", "requests of other sites are refused");
  }
  const std::string id = Parameter(request, "id");
  const std::string action = Parameter(request, "action");
  if (id.empty()) {
    return BadData("ID cannot be empty");
  }
  if (action.empty()) {
    return BadData("Action cannot be empty");
  }
  const auto ulid = model::Ulid::Parse(id);
  if (!ulid) {
    return BadData(base::Concat("ULID ", base::Quote(id), " is not valid"));
  }
  base::Status status;
  if (action == "DELETION") {
    status = MarkForDeletion(request.cancel, *ulid, Parameter(request, "detail"));
  } else if (action == "NO_COMPACTION") {
    status = MarkForNoCompaction(request.cancel, *ulid, Parameter(request, "detail"));
  } else {
    return BadData(base::Concat("not supported marker ", base::Quote(action)));
  }
  return status.ok() ? NoContent() : Error(500, "internal", base::Message(status));
}

std::vector<net::HttpServer::Route> BlocksApi::Routes(const std::string& prefix) {
  const auto with_cors = [this](net::HttpResponse (BlocksApi::*handler)(const net::HttpRequest&)) {
    return [this, handler](const net::HttpRequest& request) {
      net::HttpResponse response = (this->*handler)(request);
      if (options_.cors) {
        AddCorsHeaders(&response);
      }
      return response;
    };
  };
  const auto preflight = [this](const net::HttpRequest&) {
    net::HttpResponse response = NoContent();
    if (options_.cors) {
      AddCorsHeaders(&response);
    }
    return response;
  };
  std::vector<net::HttpServer::Route> routes;
  routes.push_back({{"GET"}, prefix + "/api/v1/blocks", with_cors(&BlocksApi::Blocks)});
  routes.push_back({{"POST"}, prefix + "/api/v1/blocks/mark", with_cors(&BlocksApi::Mark)});
  routes.push_back({{"OPTIONS"}, prefix + "/api/v1/*", preflight});
  return routes;
}

}  // namespace thanos::block
