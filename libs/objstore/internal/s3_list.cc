#include "objstore/internal/s3_list.h"

#include <algorithm>

#include "base/strings.h"
#include "net/url.h"
#include "objstore/internal/xml.h"

namespace thanos::objstore::internal {
namespace {

class PageReader {
 public:
  PageReader(std::string_view prefix, const XmlElement& root)
      : prefix_(prefix), root_(root), url_encoded_(root.Text("EncodingType") == "url") {}

  base::StatusOr<S3ListPage> Read(bool v1) {
    std::string last;  // in the order of the server, including entries that are not taken
    int64_t count = 0;
    for (const XmlElement& element : root_.children) {
      const bool is_object = element.name == "Contents";
      if (!is_object && element.name != "CommonPrefixes") {
        continue;
      }
      ++count;
      TH_ASSIGN_OR_RETURN(std::string name, Decode(element, is_object ? "Key" : "Prefix"));
      last = std::max(last, name);
      TH_RETURN_IF_ERROR(Take(is_object, std::move(name)));
    }
    std::sort(page_.names.begin(), page_.names.end());
    const auto announced = base::ParseInt64(root_.Text("KeyCount"));
    if (announced.has_value() && *announced > count) {
      return base::DataLoss("a page of ", *announced, " entries has ", count);
    }
    TH_RETURN_IF_ERROR(ReadContinuation(v1, last));
    return std::move(page_);
  }

 private:
  base::StatusOr<std::string> Decode(const XmlElement& parent, std::string_view child) const {
    const XmlElement* element = parent.Find(child);
    if (element == nullptr || element->text.empty()) {
      return base::DataLoss("an entry of the listing has no name");
    }
    if (!url_encoded_) {
      return element->text;
    }
    auto decoded = net::Unescape(element->text, true);
    if (!decoded.ok()) {
      return base::DataLoss("an entry of the listing is wrongly encoded");
    }
    return decoded;
  }

  base::Status Take(bool is_object, std::string name) {
    if (!name.starts_with(prefix_) || (!is_object && !name.ends_with('/'))) {
      return base::DataLoss("the listing of ", base::Quote(prefix_), " has ", base::Quote(name));
    }
    // Consoles make empty objects with the name of a directory: they are no objects to us.
    if (name.size() > prefix_.size() && !(is_object && name.ends_with('/'))) {
      page_.names.push_back(std::move(name));
    }
    return base::OkStatus();
  }

  base::Status ReadContinuation(bool v1, const std::string& last) {
    const std::string_view truncated = base::Trim(root_.Text("IsTruncated"));
    if (truncated != "true" && truncated != "false") {
      return base::DataLoss("the listing does not say whether it is complete");
    }
    page_.is_truncated = truncated == "true";
    if (!page_.is_truncated) {
      return base::OkStatus();
    }
    if (!v1) {
      page_.next = std::string(root_.Text("NextContinuationToken"));
      // A server that does not know version 2 answers what it knows.
      page_.is_v1 = page_.next.empty() && root_.Find("KeyCount") == nullptr;
    }
    if (v1 || page_.is_v1) {
      page_.next = last;
      if (!root_.Text("NextMarker").empty()) {
        TH_ASSIGN_OR_RETURN(page_.next, Decode(root_, "NextMarker"));
      }
    }
    return page_.next.empty() ? base::DataLoss("the listing is truncated and does not say where it goes on")
                              : base::OkStatus();
  }

  const std::string_view prefix_;
  const XmlElement& root_;
  const bool url_encoded_;
  S3ListPage page_;
};

}  // namespace

QueryParameters S3ListQuery(const S3ListRequest& request, std::string_view next) {
  QueryParameters query = {{"encoding-type", "url"},
                           {"max-keys", base::Concat(request.max_entries)},
                           {"prefix", std::string(request.prefix)}};
  if (!request.recursive) {
    query.emplace_back("delimiter", "/");
  }
  if (!request.v1) {
    query.emplace_back("list-type", "2");
  }
  if (!next.empty()) {
    query.emplace_back(request.v1 ? "marker" : "continuation-token", next);
  }
  return query;
}

base::StatusOr<S3ListPage> ParseS3ListPage(bool v1, std::string_view prefix, std::string_view body) {
  TH_ASSIGN_OR_RETURN(const XmlElement root, ParseXml(body));
  if (root.name != "ListBucketResult") {
    return base::DataLoss("expected a listing, not ", base::Quote(root.name));
  }
  return PageReader(prefix, root).Read(v1);
}

}  // namespace thanos::objstore::internal
