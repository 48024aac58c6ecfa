#include "objstore/internal/xml.h"

#include <random>

#include "gtest/gtest.h"

namespace thanos::objstore::internal {
namespace {

constexpr std::string_view kDocument = R"(  <?xml version="1.0" encoding="UTF-8"?>
<!-- a listing -->
<s3:List xmlns="http://s3.amazonaws.com/doc/2006-03-01/" note='a > b'>
  <Key>a &amp; b&#x20AC;&#65;</Key><Empty/><Contents><Key><![CDATA[<raw>]]></Key></Contents>
  <Contents><Key>second</Key></Contents>
</s3:List>
)";

TEST(XmlTest, ReadsElementsAndText) {
  const auto root = ParseXml(kDocument);
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(root->name, "List");
  EXPECT_EQ(root->Text("Key"), "a & b\u20ac\x41");
  ASSERT_NE(root->Find("Empty"), nullptr);
  EXPECT_EQ(root->Text("Empty"), "");
  EXPECT_EQ(root->Find("Absent"), nullptr);
  ASSERT_EQ(root->children.size(), 4U);
  EXPECT_EQ(root->children[2].Text("Key"), "<raw>");
  EXPECT_EQ(root->children[3].Text("Key"), "second");
}

TEST(XmlTest, RefusesEveryCutDocument) {
  const size_t end = kDocument.rfind('>');
  for (size_t size = 0; size <= end; ++size) {
    EXPECT_EQ(ParseXml(kDocument.substr(0, size)).status().code(), base::StatusCode::kDataLoss) << size;
  }
}

TEST(XmlTest, RefusesWhatIsNotOneDocument) {
  for (const std::string_view text :
       {"", "text", "<a></b>", "<a/><b/>", "<a>&unknown;</a>", "<a>&#0;</a>", "<a>&#xD800;</a>",
        "<a>&#x110000;</a>", "<a>&amp</a>", "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", "<a/>rest", "</a>",
        "<>", "<a", "<![CDATA[x]]>", "<a><b</a>"}) {
    EXPECT_EQ(ParseXml(text).status().code(), base::StatusCode::kDataLoss) << text;
  }
  std::string deep;
  for (int i = 0; i < 1000; ++i) {
    deep += "<a>";
  }
  EXPECT_FALSE(ParseXml(deep).ok());
}

TEST(XmlTest, SurvivesDamage) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 2000; ++i) {
    std::string damaged(kDocument);
    for (int j = 0; j < 3; ++j) {
      damaged[random() % damaged.size()] = static_cast<char>(random() % 256);
    }
    const auto root = ParseXml(damaged);
    EXPECT_TRUE(root.ok() || root.status().code() == base::StatusCode::kDataLoss);
  }
}

TEST(XmlTest, EscapedTextReadsBack) {
  const std::string text = "<&>\"' x";
  EXPECT_EQ(ParseXml(base::Concat("<a>", XmlEscape(text), "</a>"))->text, text);
}

}  // namespace
}  // namespace thanos::objstore::internal
