// Markdown and HTML of writers. Expected values are what TensorBoard's own renderer gives.
#include "collector/serve/markdown.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "collector/serve/safe_html.h"
#include "tests/collector/serve/safe_markup.h"

namespace tributary::serve {
namespace {

using ::testing::HasSubstr;

TEST(MarkdownTest, WhatPeopleLogIsRenderedAsTensorBoardDoes) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", ""},
      {"plain & <simple>", "<p>plain &amp; &lt;simple&gt;</p>"},
      {"a **b** *c* `d<e`", "<p>a <strong>b</strong> <em>c</em> <code>d&lt;e</code></p>"},
      {"# Head\n## Sub ##\ntext", "<h1>Head</h1>\n<h2>Sub</h2>\n<p>text</p>"},
      {"#nospace", "<h1>nospace</h1>"},
      {"- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"},
      {"- a\n    - b\n- c", "<ul>\n<li>a<ul>\n<li>b</li>\n</ul>\n</li>\n<li>c</li>\n</ul>"},
      {"- a\n\n- b", "<ul>\n<li>\n<p>a</p>\n</li>\n<li>\n<p>b</p>\n</li>\n</ul>"},
      {"1. a\n2. b", "<ol>\n<li>a</li>\n<li>b</li>\n</ol>"},
      {"```python\nx < 1\n```", "<pre><code>x &lt; 1\n</code></pre>"},
      {"    indented", "<pre><code>indented\n</code></pre>"},
      {"> quote", "<blockquote>\n<p>quote</p>\n</blockquote>"},
      {"a  \nb\nc", "<p>a<br>\nb\nc</p>"},
      {"---", "<hr>"},
      {"[l](http://x.y \"t\")", "<p><a href=\"http://x.y\" title=\"t\">l</a></p>"},
      {"[l](/a?b=1&c=2)", "<p><a href=\"/a?b=1&amp;c=2\">l</a></p>"},
      {"<http://x.y>", "<p><a href=\"http://x.y\">http://x.y</a></p>"},
      {"![alt](y.png)", "<p><img alt=\"alt\" src=\"y.png\"></p>"},
      {"&copy; &#65; &nothing", "<p>&copy; &#65; &amp;nothing</p>"},
      {"snake_case_name 2 * 3", "<p>snake_case_name 2 * 3</p>"},
  };
  for (const auto& [markdown, html] : cases) EXPECT_EQ(MarkdownToSafeHtml(markdown), html);
}

TEST(MarkdownTest, ATableMayHaveTheShortestRules) {
  for (const char* rules : {"|-|-|", "|---|---|", "|:-|-:|", "-|-"}) {
    EXPECT_EQ(MarkdownToSafeHtml(absl::StrCat("|lr|bs|\n", rules, "\n|0.1|**32**|")),
              "<table>\n<thead>\n<tr>\n<th>lr</th>\n<th>bs</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n"
              "<td>0.1</td>\n<td><strong>32</strong></td>\n</tr>\n</tbody>\n</table>")
        << rules;
  }
  EXPECT_EQ(MarkdownToSafeHtml("```\n|a|\n|-|\n```"), "<pre><code>|a|\n|-|\n</code></pre>");
  EXPECT_EQ(MarkdownToSafeHtml("a|b\nc|d"), "<p>a|b\nc|d</p>");
  EXPECT_EQ(MarkdownToSafeHtml("text\n|a|\n|-|"), "<p>text\n|a|\n|-|</p>");
}

TEST(MarkdownTest, HarmlessHtmlPassesTheRestIsShownAsText) {
  EXPECT_EQ(MarkdownToSafeHtml("a<br>b<BR/>c"), "<p>a<br>b<br>c</p>");
  EXPECT_EQ(MarkdownToSafeHtml("<pre>a  *b*</pre>"), "<pre>a  *b*</pre>");
  EXPECT_EQ(MarkdownToSafeHtml("<b>x</b>"), "<p>&lt;b&gt;x&lt;/b&gt;</p>");
  EXPECT_EQ(MarkdownToSafeHtml("a <!-- c --> b"), "<p>a  b</p>");
  EXPECT_EQ(MarkdownToSafeHtml("<p>open"), "<p>open\n</p>");
  EXPECT_EQ(MarkdownToSafeHtml("x</td></tr></table>"),
            "<p>x&lt;/td&gt;&lt;/tr&gt;&lt;/table&gt;</p>");
  EXPECT_EQ(SafeHtml("<ul><li>a</ul> & &amp; <i>"), "<ul><li>a</li></ul> &amp; &amp; &lt;i&gt;");
}

TEST(MarkdownTest, LinksLeadNowhereThatActs) {
  for (const char* url :
       {"javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "\x01javascript:a",
        "data:text/html,x", "vbscript:x", "file:///etc/passwd", "blob:x", "`javascript:x"}) {
    EXPECT_FALSE(IsSafeUrl(url)) << url;
  }
  for (const char* url :
       {"http://x", "HTTPS://x", "mailto:a@b", "/a:b", "?a:b", "#a:b", "a/b:c", "", "a.png"}) {
    EXPECT_TRUE(IsSafeUrl(url)) << url;
  }
  EXPECT_EQ(MarkdownToSafeHtml("[x](javascript:alert)"), "<p><a>x</a></p>");
  EXPECT_EQ(MarkdownToSafeHtml("![x](data:image/svg+xml,y)"), "<p><img alt=\"x\"></p>");
  // A reference is no way around: the browser sees the text "&#58;", not a colon.
  EXPECT_THAT(MarkdownToSafeHtml("[x](javascript&#58;alert)"), HasSubstr("javascript&amp;#58;"));
}

TEST(MarkdownTest, Malicious_NothingActs) {
  const std::vector<std::string> corpus = {
      "<script>alert(1)</script>",
      "<img src=x onerror=alert(1)>",
      "<svg/onload=alert(1)>",
      "<svg><script>alert(1)</script></svg>",
      "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
      "<a href=javascript:alert(1)>x</a>",
      "<p onclick=alert(1)>x</p>",
      "<p\nonclick=alert(1)>",
      "<p/onclick=alert(1)>",
      "<br onload=alert(1)>",
      "<<script>alert(1)//<</script>",
      "<scr<script>ipt>alert(1)</script>",
      "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
      "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
      "<!--><script>alert(1)</script>-->",
      "<!-- --!><script>alert(1)</script>",
      "[x](<javascript:alert(1)>)",
      "[x](http://a\"onmouseover=alert(1))",
      "[x](http://a \"t\\\" onmouseover=alert(1) \\\"\")",
      "![\" onerror=\"alert(1)](x)",
      "![`<img src=x onerror=alert(1)>`](x)",
      "```\n</code></pre><script>alert(1)</script>\n```",
      "```\"><script>alert(1)</script>\nx\n```",
      "| <script>alert(1)</script> |\n|-|\n| <img onerror=alert(1) src=x> |",
      "[a]: javascript:alert(1)\n\n[a]",
      "&lt;script&gt;alert(1)&lt;/script&gt;",
      std::string("<scr\0ipt>alert(1)</scr\0ipt>", 27),
      "\xff<script\xfe>",
  };
  for (const std::string& text : corpus) {
    for (const std::string& html : {MarkdownToSafeHtml(text), SafeHtml(text)}) {
      EXPECT_EQ(FirstMarkupThatActs(html), "") << text;
    }
  }
}

// Two ways of judging: what the check above would find.
TEST(MarkdownTest, TheJudgeFindsWhatActs) {
  for (const char* html : {"<script>", "<p onclick=x>", "<a href=\"javascript:x\">",
                           "<a href=\"java&#115;cript:x\">", "<a href=\"x\" onclick=\"y\">",
                           "<img src=\"x\">", "<img alt=\"\" onerror=\"x\">", "< p>"}) {
    EXPECT_NE(FirstMarkupThatActs(html), "") << html;
  }
}

TEST(MarkdownTest, Malicious_LongAndDeepTextsEndSoon) {
  for (const char* piece : {"[", "![", "*", "<p>", "</p>", "`", "|-|\n", "> ", "<!--", "&", "- ",
                            "<", "[a](", "***a "}) {
    std::string text;
    while (text.size() < 300'000) absl::StrAppend(&text, piece);
    EXPECT_LT(MarkdownToSafeHtml(text).size(), text.size() * 16) << piece;
    EXPECT_LT(SafeHtml(text).size(), text.size() * 16) << piece;
  }
}

TEST(MarkdownTest, LimitsAreTold) {
  const std::string html = MarkdownToSafeHtml(std::string(kMarkdownBytesMax + 1, 'x'));
  EXPECT_THAT(html, HasSubstr("<strong>Cut: the first 4194304 of 4194305 bytes are shown."));
}

TEST(MarkdownTest, SeveralDescriptionsNameTheirRuns) {
  EXPECT_EQ(CombinedDescriptionHtml({{"*a*", {"r"}}}), "<p><em>a</em></p>");
  EXPECT_EQ(CombinedDescriptionHtml({{"a", {"r<1>"}}, {"b", {"s", "t"}}}),
            "<h1>Multiple descriptions</h1>\n<h2>For run: r&lt;1&gt;</h2>\n<p>a</p>\n"
            "<h2>For runs: s, t</h2>\n<p>b</p>");
}

}  // namespace
}  // namespace tributary::serve
