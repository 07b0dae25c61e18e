#include "collector/registry/service_address.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/http/message.h"

namespace tributary {
namespace {

constexpr size_t kLabelBytesMax = 63;
constexpr size_t kMarkBytes = 9;  // "-" and 8 digits
// Each half of a label with a mark.
constexpr size_t kPartBytesMax = (kLabelBytesMax - kMarkBytes - 2) / 2;

// What a label has of the name: lower-case letters, digits and single hyphens, none at the ends.
std::string LabelPart(absl::string_view name) {
  std::string part;
  for (const char c : name) {
    const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
    if (absl::ascii_isalnum(static_cast<unsigned char>(lower))) {
      part.push_back(lower);
    } else if (!part.empty() && part.back() != '-') {
      part.push_back('-');
    }
  }
  while (absl::EndsWith(part, "-")) part.pop_back();
  return part;
}

std::string Shortened(std::string part) {
  if (part.size() > kPartBytesMax) part.resize(kPartBytesMax);
  while (absl::EndsWith(part, "-")) part.pop_back();
  return part.empty() ? "x" : part;
}

// FNV-1a: the same in every version of the program, as links are kept.
uint32_t Hash(absl::string_view text) {
  uint32_t hash = 2166136261u;
  for (const char c : text) {
    hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  }
  return hash;
}

}  // namespace

std::string ServicePath(absl::string_view node, absl::string_view service) {
  return absl::StrCat("/node/", http::PercentEncode(node), "/", http::PercentEncode(service));
}

std::string ServiceHostLabel(absl::string_view node, absl::string_view service) {
  const std::string service_part = LabelPart(service);
  const std::string node_part = LabelPart(node);
  const std::string plain = absl::StrCat(service_part, "--", node_part);
  if (service_part == service && node_part == node && !service.empty() && !node.empty() &&
      plain.size() <= kLabelBytesMax) {
    return plain;
  }
  // A NUL is in no name, so that "a" of "bc" and "ab" of "c" differ.
  const uint32_t mark = Hash(absl::StrCat(service, absl::string_view("\0", 1), node));
  return absl::StrCat(Shortened(service_part), "--", Shortened(node_part), "-",
                      absl::StrFormat("%08x", mark));
}

}  // namespace tributary
