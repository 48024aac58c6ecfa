#include "objstore/internal/xml.h"

#include <utility>

#include "base/strings.h"

namespace thanos::objstore::internal {
namespace {

constexpr size_t kMaxDepth = 16;
constexpr size_t kMaxElements = 1'000'000;
constexpr size_t kMaxEntityBytes = 12;

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void AppendUtf8(uint32_t code, std::string* out) {
  const auto put = [out](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

// "#65" or "#x41"; false unless it is a character.
bool AppendCharacterReference(std::string_view name, std::string* out) {
  name.remove_prefix(1);
  uint32_t base = 10;
  if (name.starts_with('x')) {
    base = 16;
    name.remove_prefix(1);
  }
  uint32_t code = 0;
  for (const char c : name) {
    const uint32_t digit = c >= '0' && c <= '9'   ? static_cast<uint32_t>(c - '0')
                           : c >= 'a' && c <= 'f' ? static_cast<uint32_t>(c - 'a') + 10
                           : c >= 'A' && c <= 'F' ? static_cast<uint32_t>(c - 'A') + 10
                                                  : 16;
    code = code * base + digit;
    if (digit >= base || code > 0x10FFFF) {
      return false;
    }
  }
  if (name.empty() || code == 0 || (code >= 0xD800 && code < 0xE000)) {
    return false;
  }
  AppendUtf8(code, out);
  return true;
}

bool AppendEntity(std::string_view name, std::string* out) {
  constexpr std::pair<std::string_view, char> kNamed[] = {
      {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
  for (const auto& [entity, character] : kNamed) {
    if (name == entity) {
      out->push_back(character);
      return true;
    }
  }
  return name.starts_with('#') && AppendCharacterReference(name, out);
}

class Parser {
 public:
  explicit Parser(std::string_view document) : document_(document) {}

  base::StatusOr<XmlElement> Parse() {
    while (position_ < document_.size()) {
      TH_RETURN_IF_ERROR(Rest().starts_with('<') ? Markup() : CharacterData());
    }
    if (!open_.empty() || !has_root_) {
      return Error("ends early");
    }
    return std::move(root_);
  }

 private:
  std::string_view Rest() const { return document_.substr(position_); }
  base::Status Error(std::string_view what) const {
    return base::DataLoss("XML at byte ", position_, " of ", document_.size(), ": ", what);
  }

  base::Status SkipPast(std::string_view end) {
    const size_t found = document_.find(end, position_);
    if (found == std::string_view::npos) {
      return Error("ends early");
    }
    position_ = found + end.size();
    return base::OkStatus();
  }

  base::Status Markup() {
    if (Rest().starts_with("<?")) {
      return SkipPast("?>");
    }
    if (Rest().starts_with("<!--")) {
      return SkipPast("-->");
    }
    if (Rest().starts_with("<![CDATA[")) {
      const size_t begin = position_ + 9;
      TH_RETURN_IF_ERROR(SkipPast("]]>"));
      if (open_.empty() || position_ < begin + 3) {
        return Error("misplaced CDATA");
      }
      open_.back().text += document_.substr(begin, position_ - 3 - begin);
      return base::OkStatus();
    }
    if (Rest().starts_with("<!")) {
      return Error("document types are not accepted");
    }
    return Rest().starts_with("</") ? EndTag() : StartTag();
  }

  base::StatusOr<std::string_view> Name() {
    size_t end = position_;
    while (end < document_.size() && !IsSpace(document_[end]) && document_[end] != '>' &&
           document_[end] != '/' && document_[end] != '<' && document_[end] != '=') {
      ++end;
    }
    std::string_view name = document_.substr(position_, end - position_);
    if (name.empty()) {
      return Error("expected a name");
    }
    position_ = end;
    return name.substr(name.rfind(':') + 1);
  }

  base::Status StartTag() {
    ++position_;
    TH_ASSIGN_OR_RETURN(const std::string_view name, Name());
    if ((open_.empty() && has_root_) || open_.size() >= kMaxDepth || ++num_elements_ > kMaxElements) {
      return Error("second root, too deep or too many elements");
    }
    char quote = '\0';
    for (; position_ < document_.size(); ++position_) {  // attributes
      const char c = document_[position_];
      if (quote != '\0') {
        quote = c == quote ? '\0' : quote;
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (c == '<') {
        return Error("malformed tag");
      } else if (c == '>') {
        break;
      }
    }
    if (position_ >= document_.size()) {
      return Error("ends early");
    }
    const bool is_empty = document_[position_ - 1] == '/';
    ++position_;
    has_root_ = true;
    open_.push_back({.name = std::string(name), .text = {}, .children = {}});
    if (is_empty) {
      Close();
    }
    return base::OkStatus();
  }

  base::Status EndTag() {
    position_ += 2;
    TH_ASSIGN_OR_RETURN(const std::string_view name, Name());
    while (position_ < document_.size() && IsSpace(document_[position_])) {
      ++position_;
    }
    if (!Rest().starts_with('>') || open_.empty() || open_.back().name != name) {
      return Error("end tag without its start");
    }
    ++position_;
    Close();
    return base::OkStatus();
  }

  void Close() {
    XmlElement element = std::move(open_.back());
    open_.pop_back();
    if (open_.empty()) {
      root_ = std::move(element);
    } else {
      open_.back().children.push_back(std::move(element));
    }
  }

  base::Status CharacterData() {
    const size_t end = std::min(document_.find('<', position_), document_.size());
    std::string ignored;
    std::string& out = open_.empty() ? ignored : open_.back().text;
    while (position_ < end) {
      const char c = document_[position_];
      if (open_.empty() && !IsSpace(c) && !(position_ < 3 && document_.starts_with("\xEF\xBB\xBF"))) {
        return Error("text outside of the root");
      }
      if (c != '&') {
        out.push_back(c);
        ++position_;
        continue;
      }
      const std::string_view entity =
          document_.substr(position_ + 1, std::min(kMaxEntityBytes, end - position_ - 1));
      const size_t semicolon = entity.find(';');
      if (semicolon == std::string_view::npos || !AppendEntity(entity.substr(0, semicolon), &out)) {
        return Error("unknown entity");
      }
      position_ += semicolon + 2;
    }
    return base::OkStatus();
  }

  const std::string_view document_;
  size_t position_ = 0;
  size_t num_elements_ = 0;
  bool has_root_ = false;
  std::vector<XmlElement> open_;
  XmlElement root_;
};

}  // namespace

const XmlElement* XmlElement::Find(std::string_view child) const {
  for (const XmlElement& element : children) {
    if (element.name == child) {
      return &element;
    }
  }
  return nullptr;
}

std::string_view XmlElement::Text(std::string_view child) const {
  const XmlElement* element = Find(child);
  return element == nullptr ? std::string_view() : std::string_view(element->text);
}

base::StatusOr<XmlElement> ParseXml(std::string_view document) {
  return Parser(document).Parse();
}

std::string XmlEscape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

}  // namespace thanos::objstore::internal
