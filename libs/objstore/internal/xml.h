#pragma once

// A small reader for the XML answers of object stores: elements and text. Attributes and comments are
// skipped, document types are refused, so that nothing is ever expanded or fetched.

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace thanos::objstore::internal {

struct XmlElement {
  std::string name;  // without namespace prefix
  std::string text;  // of this element alone, entities decoded
  std::vector<XmlElement> children;

  // The first child of that name, or null.
  const XmlElement* Find(std::string_view child) const;
  // Its text; empty when absent.
  std::string_view Text(std::string_view child) const;
};

// The root of one complete document. DataLoss with the offset for anything malformed or cut off, more than 16
// levels or a million elements.
base::StatusOr<XmlElement> ParseXml(std::string_view document);

// `text` with & < > and quotes escaped.
std::string XmlEscape(std::string_view text);

}  // namespace thanos::objstore::internal
