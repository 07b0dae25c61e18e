#include "collector/serve/markdown.h"

#include <md4c.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "collector/serve/safe_html.h"
#include "common/check.h"
#include "common/utf8.h"

namespace tributary::serve {
namespace {

// Quotes need no escape between tags, and TensorBoard leaves them.
std::string EscapeText(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
}

// References are not resolved but for "&amp;": in the HTML they are text, so that none can hide a
// scheme.
std::string TextOf(const MD_ATTRIBUTE& attribute) {
  return absl::StrReplaceAll(absl::string_view(attribute.text, attribute.size), {{"&amp;", "&"}});
}

// Whether the line is the one below a table's head: dashes, with or without colons, between bars.
bool IsTableRule(absl::string_view line) {
  return line.find_first_not_of("|:- \t\r") == absl::string_view::npos &&
         absl::StrContains(line, '|') && absl::StrContains(line, '-');
}

bool IsFence(absl::string_view line) {
  line = absl::StripLeadingAsciiWhitespace(line);
  return absl::StartsWith(line, "```") || absl::StartsWith(line, "~~~");
}

// md4c takes a column's rule of three characters and more; TensorBoard, and what people log
// ("|-|-|"), of one.
std::string WithLongTableRules(absl::string_view markdown) {
  std::string text;
  text.reserve(markdown.size());
  bool fenced = false;
  // Of the last line and the one before: a table's head stands below an empty line.
  bool below_head = false;
  bool below_empty = true;
  for (const absl::string_view line : absl::StrSplit(markdown, '\n')) {
    if (IsFence(line)) fenced = !fenced;
    if (!fenced && below_head && IsTableRule(line)) {
      for (size_t i = 0; i < line.size(); ++i) {
        const bool lone = line[i] == '-' && (i == 0 || line[i - 1] != '-');
        absl::StrAppend(&text, lone ? "---" : line.substr(i, 1));
      }
    } else {
      absl::StrAppend(&text, line);
    }
    text.push_back('\n');
    below_head = below_empty && absl::StrContains(line, '|');
    below_empty = absl::StripAsciiWhitespace(line).empty();
  }
  text.pop_back();
  return text;
}

// Takes md4c's events, in order, and writes HTML.
class Renderer {
 public:
  std::string TakeHtml() {
    EndRawHtml();
    if (!html_.empty() && html_.back() == '\n') html_.pop_back();
    return std::move(html_);
  }

  void EnterBlock(MD_BLOCKTYPE type, const void* detail) {
    EndRawHtml();
    switch (type) {
      case MD_BLOCK_DOC:
        break;
      case MD_BLOCK_HTML:
        break;
      case MD_BLOCK_HR:
        absl::StrAppend(&html_, "<hr>\n");
        break;
      case MD_BLOCK_CODE:
        absl::StrAppend(&html_, "<pre><code>");
        break;
      case MD_BLOCK_H:
        absl::StrAppend(&html_, "<h", static_cast<const MD_BLOCK_H_DETAIL*>(detail)->level, ">");
        break;
      case MD_BLOCK_LI:
        absl::StrAppend(&html_, "<li>");
        break;
      case MD_BLOCK_P:
        // In a loose list the paragraph stands on a line of its own.
        absl::StrAppend(&html_, html_.ends_with("<li>") ? "\n<p>" : "<p>");
        break;
      case MD_BLOCK_TH:
      case MD_BLOCK_TD:
        absl::StrAppend(&html_, "<", Name(type), ">");
        break;
      default:
        absl::StrAppend(&html_, "<", Name(type), ">\n");
    }
  }

  void LeaveBlock(MD_BLOCKTYPE type, const void* detail) {
    EndRawHtml();
    switch (type) {
      case MD_BLOCK_DOC:
      case MD_BLOCK_HTML:
      case MD_BLOCK_HR:
        break;
      case MD_BLOCK_CODE:
        absl::StrAppend(&html_, "</code></pre>\n");
        break;
      case MD_BLOCK_H:
        absl::StrAppend(&html_, "</h", static_cast<const MD_BLOCK_H_DETAIL*>(detail)->level, ">\n");
        break;
      default:
        absl::StrAppend(&html_, "</", Name(type), ">\n");
    }
  }

  void EnterSpan(MD_SPANTYPE type, const void* detail) {
    EndRawHtml();
    if (type == MD_SPAN_IMG) ++images_;
    if (images_ > 0) return;  // the text within an image is its alternative, without markup
    if (type == MD_SPAN_A) {
      const auto* link = static_cast<const MD_SPAN_A_DETAIL*>(detail);
      absl::StrAppend(&html_, "<a", Url("href", link->href), Title(link->title), ">");
    } else {
      absl::StrAppend(&html_, "<", Name(type), ">");
    }
  }

  void LeaveSpan(MD_SPANTYPE type, const void* detail) {
    EndRawHtml();
    if (type == MD_SPAN_IMG && --images_ == 0) {
      const auto* image = static_cast<const MD_SPAN_IMG_DETAIL*>(detail);
      absl::StrAppend(&html_, "<img alt=\"", EscapeHtml(alternative_), "\"", Url("src", image->src),
                      Title(image->title), ">");
      alternative_.clear();
      return;
    }
    if (images_ == 0) absl::StrAppend(&html_, "</", Name(type), ">");
  }

  void Text(MD_TEXTTYPE type, absl::string_view text) {
    if (images_ > 0) {
      absl::StrAppend(&alternative_, type == MD_TEXT_BR || type == MD_TEXT_SOFTBR ? "\n" : text);
      return;
    }
    if (type == MD_TEXT_HTML) {
      // A block comes line by line: a comment may span several.
      absl::StrAppend(&raw_html_, text);
      return;
    }
    EndRawHtml();
    switch (type) {
      case MD_TEXT_BR:
        absl::StrAppend(&html_, "<br>\n");
        break;
      case MD_TEXT_SOFTBR:
        absl::StrAppend(&html_, "\n");
        break;
      case MD_TEXT_ENTITY:
        absl::StrAppend(&html_, text);
        break;
      default:
        absl::StrAppend(&html_, EscapeText(text));
    }
  }

  // Closes what writers' own tags left open.
  void Finish() {
    EndRawHtml();
    filter_.Finish();
  }

 private:
  void EndRawHtml() {
    if (raw_html_.empty()) return;
    filter_.Append(raw_html_);
    raw_html_.clear();
  }

  static absl::string_view Name(MD_BLOCKTYPE type) {
    switch (type) {
      case MD_BLOCK_QUOTE:
        return "blockquote";
      case MD_BLOCK_UL:
        return "ul";
      case MD_BLOCK_OL:
        return "ol";
      case MD_BLOCK_LI:
        return "li";
      case MD_BLOCK_TABLE:
        return "table";
      case MD_BLOCK_THEAD:
        return "thead";
      case MD_BLOCK_TBODY:
        return "tbody";
      case MD_BLOCK_TR:
        return "tr";
      case MD_BLOCK_TH:
        return "th";
      case MD_BLOCK_TD:
        return "td";
      default:
        return "p";
    }
  }
  static absl::string_view Name(MD_SPANTYPE type) {
    switch (type) {
      case MD_SPAN_STRONG:
        return "strong";
      case MD_SPAN_CODE:
        return "code";
      case MD_SPAN_A:
        return "a";
      default:
        return "em";
    }
  }
  static std::string Url(absl::string_view attribute, const MD_ATTRIBUTE& url) {
    const std::string text = TextOf(url);
    return IsSafeUrl(text) ? absl::StrCat(" ", attribute, "=\"", EscapeHtml(text), "\"") : "";
  }
  static std::string Title(const MD_ATTRIBUTE& title) {
    return title.size == 0 ? "" : absl::StrCat(" title=\"", EscapeHtml(TextOf(title)), "\"");
  }

  std::string html_;
  HtmlFilter filter_{&html_};
  std::string raw_html_;  // not yet filtered
  int images_ = 0;        // how deep in images
  std::string alternative_;
};

Renderer* Self(void* renderer) { return static_cast<Renderer*>(renderer); }

std::string Render(absl::string_view markdown) {
  MD_PARSER parser = {};
  parser.flags = MD_FLAG_TABLES | MD_FLAG_PERMISSIVEATXHEADERS;
  parser.enter_block = [](MD_BLOCKTYPE type, void* detail, void* renderer) {
    Self(renderer)->EnterBlock(type, detail);
    return 0;
  };
  parser.leave_block = [](MD_BLOCKTYPE type, void* detail, void* renderer) {
    Self(renderer)->LeaveBlock(type, detail);
    return 0;
  };
  parser.enter_span = [](MD_SPANTYPE type, void* detail, void* renderer) {
    Self(renderer)->EnterSpan(type, detail);
    return 0;
  };
  parser.leave_span = [](MD_SPANTYPE type, void* detail, void* renderer) {
    Self(renderer)->LeaveSpan(type, detail);
    return 0;
  };
  parser.text = [](MD_TEXTTYPE type, const MD_CHAR* text, MD_SIZE size, void* renderer) {
    Self(renderer)->Text(type, absl::string_view(text, size));
    return 0;
  };
  Renderer renderer;
  const int result =
      md_parse(markdown.data(), static_cast<MD_SIZE>(markdown.size()), &parser, &renderer);
  CHECK(result == 0, "md4c fails only if a callback does or memory ends, result ", result);
  renderer.Finish();
  return renderer.TakeHtml();
}

}  // namespace

std::string MarkdownToSafeHtml(absl::string_view markdown) {
  std::string text = ValidUtf8(markdown.substr(0, kMarkdownBytesMax));
  text.erase(std::remove(text.begin(), text.end(), '\0'), text.end());
  std::string html = Render(WithLongTableRules(text));
  if (markdown.size() > kMarkdownBytesMax) {
    absl::StrAppend(&html, "\n<p><strong>Cut: the first ", kMarkdownBytesMax, " of ",
                    markdown.size(), " bytes are shown.</strong></p>");
  }
  return html;
}

std::string CombinedDescriptionHtml(
    const std::map<std::string, std::set<std::string>>& runs_by_description) {
  if (runs_by_description.size() == 1) {
    return MarkdownToSafeHtml(runs_by_description.begin()->first);
  }
  std::string html = "<h1>Multiple descriptions</h1>";
  for (const auto& [description, runs] : runs_by_description) {
    absl::StrAppend(&html, "\n<h2>For run", runs.size() == 1 ? "" : "s", ": ",
                    EscapeHtml(absl::StrJoin(runs, ", ")), "</h2>\n",
                    MarkdownToSafeHtml(description));
  }
  return html;
}

}  // namespace tributary::serve
