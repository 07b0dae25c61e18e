#include "common/look_alike.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace tributary {
namespace {

// By their small letters: the case is gone before.
constexpr std::array<std::pair<absl::string_view, absl::string_view>, 14> kDrawnAsLatin = {
    {{"\u0430", "a"},
     {"\u0435", "e"},
     {"\u043e", "o"},
     {"\u0440", "p"},
     {"\u0441", "c"},
     {"\u0443", "y"},
     {"\u0445", "x"},
     {"\u0455", "s"},
     {"\u0456", "i"},
     {"\u0458", "j"},
     {"\u0501", "d"},
     {"\u051b", "q"},
     {"\u051d", "w"},
     {"\u03bf", "o"}}};

bool IsPlain(char c) { return absl::ascii_isprint(static_cast<unsigned char>(c)); }

std::string Folded(absl::string_view name) {
  utf8proc_uint8_t* folded = nullptr;
  const utf8proc_ssize_t length = utf8proc_map(
      reinterpret_cast<const utf8proc_uint8_t*>(name.data()),
      static_cast<utf8proc_ssize_t>(name.size()), &folded,
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE |
                                     UTF8PROC_CASEFOLD | UTF8PROC_IGNORE | UTF8PROC_STRIPCC |
                                     UTF8PROC_LUMP));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owned(folded, &std::free);
  if (length < 0) return std::string(name);
  return absl::StrReplaceAll(
      absl::string_view(reinterpret_cast<const char*>(folded), static_cast<size_t>(length)),
      kDrawnAsLatin);
}

}  // namespace

std::string LookOf(absl::string_view name) {
  // Nearly all names are of the first kind, and a collector looks at 100 000 of them.
  const std::string look =
      std::all_of(name.begin(), name.end(), IsPlain) ? absl::AsciiStrToLower(name) : Folded(name);
  if (look.find(' ') == std::string::npos) return look;
  std::vector<std::string> parts = absl::StrSplit(look, '/');
  for (std::string& part : parts) absl::RemoveExtraAsciiWhitespace(&part);
  return absl::StrJoin(parts, "/");
}

std::string Spelled(absl::string_view name) {
  std::string spelled = "\"";
  while (!name.empty()) {
    utf8proc_int32_t code = 0;
    const utf8proc_ssize_t length =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(name.data()),
                         static_cast<utf8proc_ssize_t>(name.size()), &code);
    if (length == 1 && IsPlain(name[0])) {
      spelled.push_back(name[0]);
    } else {
      // Of a byte that is no UTF-8, the code is -1.
      absl::StrAppendFormat(&spelled, "\\u{%x}",
                            length > 0 ? code : static_cast<unsigned char>(name[0]));
    }
    name.remove_prefix(length > 0 ? static_cast<size_t>(length) : 1);
  }
  return spelled + "\"";
}

}  // namespace tributary
