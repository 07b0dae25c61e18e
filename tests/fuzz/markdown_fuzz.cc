// Markdown of writers. Whatever comes in, what comes out has no tag and no attribute but those of
// the allow list, no URL that acts, and every quote where it belongs.
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "collector/serve/markdown.h"
#include "collector/serve/safe_html.h"
#include "common/check.h"
#include "tests/collector/serve/safe_markup.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  for (const std::string& html :
       {tributary::serve::MarkdownToSafeHtml(text), tributary::serve::SafeHtml(text)}) {
    const std::string found = tributary::serve::FirstMarkupThatActs(html);
    CHECK(found.empty(), "markup got through: ", found);
  }
  return 0;
}
