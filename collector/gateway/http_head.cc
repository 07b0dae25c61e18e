#include "collector/gateway/http_head.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/status_macros.h"

namespace tributary::gateway {
namespace {

constexpr absl::string_view kTokenMarks = "!#$%&'*+-.^_`|~";

bool IsToken(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains(kTokenMarks, c);
  });
}

// Visible, blank, tab or above ASCII.
bool IsFieldText(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

bool IsTarget(absl::string_view text) {
  return absl::StartsWith(text, "/") && std::all_of(text.begin(), text.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte > 0x20 && byte != 0x7f && byte != '#';
         });
}

absl::Status Bad(absl::string_view what) { return absl::InvalidArgumentError(what); }

// Takes the next line without its CRLF.
absl::StatusOr<absl::string_view> TakeLine(absl::string_view* rest) {
  const size_t end = rest->find('\n');
  if (end == absl::string_view::npos || end == 0 || (*rest)[end - 1] != '\r') {
    return Bad("a line does not end in CRLF");
  }
  const absl::string_view line = rest->substr(0, end - 1);
  rest->remove_prefix(end + 1);
  if (!IsFieldText(line)) return Bad("a control character");
  return line;
}

absl::StatusOr<Fields> ParseFields(absl::string_view rest) {
  Fields fields;
  for (;;) {
    ASSIGN_OR_RETURN(const absl::string_view line, TakeLine(&rest));
    if (line.empty()) break;
    const size_t colon = line.find(':');
    if (colon == absl::string_view::npos || !IsToken(line.substr(0, colon))) {
      return Bad("a field without a proper name");
    }
    if (fields.all().size() >= kFieldsMax) return Bad("too many fields");
    fields.Add(std::string(line.substr(0, colon)),
               std::string(absl::StripAsciiWhitespace(line.substr(colon + 1))));
  }
  if (!rest.empty()) return Bad("something follows the head");
  return fields;
}

// "HTTP/1.1" or "HTTP/1.0"; nullopt otherwise.
std::optional<int> MinorVersion(absl::string_view text) {
  if (text == "HTTP/1.1") return 1;
  if (text == "HTTP/1.0") return 0;
  return std::nullopt;
}

// What the fields say; nullopt if they say nothing.
absl::StatusOr<std::optional<BodyFraming>> FramingOf(const Fields& fields, int minor_version) {
  const size_t lengths = fields.Count("content-length");
  const size_t codings = fields.Count("transfer-encoding");
  if (lengths + codings > 1) return Bad("more than one length of the body");
  BodyFraming framing;
  if (codings == 1) {
    if (!absl::EqualsIgnoreCase(fields.Get("transfer-encoding"), "chunked") || minor_version == 0) {
      return Bad("a transfer coding other than chunked");
    }
    framing.kind = BodyFraming::Kind::kChunked;
    return framing;
  }
  if (lengths == 0) return std::nullopt;
  const absl::string_view text = fields.Get("content-length");
  // SimpleAtoi takes blanks and signs.
  const bool digits =
      !text.empty() && text.size() <= 18 && std::all_of(text.begin(), text.end(), [](char c) {
        return absl::ascii_isdigit(static_cast<unsigned char>(c));
      });
  if (!digits || !absl::SimpleAtoi(text, &framing.length)) {
    return Bad("a Content-Length that is no number");
  }
  framing.kind = framing.length == 0 ? BodyFraming::Kind::kNone : BodyFraming::Kind::kLength;
  return framing;
}

}  // namespace

absl::string_view Fields::Get(absl::string_view name) const {
  for (const Field& field : fields_) {
    if (absl::EqualsIgnoreCase(field.first, name)) return field.second;
  }
  return {};
}

size_t Fields::Count(absl::string_view name) const {
  return static_cast<size_t>(std::count_if(
      fields_.begin(), fields_.end(),
      [name](const Field& field) { return absl::EqualsIgnoreCase(field.first, name); }));
}

bool Fields::HasToken(absl::string_view name, absl::string_view token) const {
  for (const Field& field : fields_) {
    if (!absl::EqualsIgnoreCase(field.first, name)) continue;
    for (const absl::string_view part : absl::StrSplit(field.second, ',')) {
      if (absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(part), token)) return true;
    }
  }
  return false;
}

size_t HeadEnd(absl::string_view bytes) {
  const size_t end = bytes.find("\r\n\r\n");
  return end == absl::string_view::npos ? end : end + 4;
}

absl::StatusOr<RequestHead> ParseRequestHead(absl::string_view head) {
  if (head.size() > kHeadBytesMax) return Bad("a head that is too long");
  ASSIGN_OR_RETURN(const absl::string_view line, TakeLine(&head));
  const std::vector<absl::string_view> parts = absl::StrSplit(line, ' ');
  if (parts.size() != 3 || !IsToken(parts[0])) return Bad("no proper request line");
  if (!IsTarget(parts[1])) return Bad("a target that is no path");
  const std::optional<int> version = MinorVersion(parts[2]);
  if (!version.has_value()) return Bad("a version other than HTTP/1.0 and HTTP/1.1");
  RequestHead request;
  request.method = std::string(parts[0]);
  request.target = std::string(parts[1]);
  request.minor_version = *version;
  ASSIGN_OR_RETURN(request.fields, ParseFields(head));
  const size_t hosts = request.fields.Count("host");
  if (hosts > 1 || (hosts == 0 && *version == 1)) return Bad("not one Host");
  ASSIGN_OR_RETURN(const std::optional<BodyFraming> framing, FramingOf(request.fields, *version));
  request.body = framing.value_or(BodyFraming());
  return request;
}

absl::StatusOr<ResponseHead> ParseResponseHead(absl::string_view head, absl::string_view method) {
  if (head.size() > kHeadBytesMax) return Bad("a head that is too long");
  ASSIGN_OR_RETURN(const absl::string_view line, TakeLine(&head));
  const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(' ', 2));
  const std::optional<int> version = MinorVersion(parts[0]);
  if (!version.has_value()) return Bad("no proper status line");
  ResponseHead response;
  response.minor_version = *version;
  if (parts.size() < 2 || parts[1].size() != 3 || !absl::SimpleAtoi(parts[1], &response.status) ||
      response.status < 100 || response.status > 599) {
    return Bad("no proper status");
  }
  if (parts.size() == 3) response.reason = std::string(parts[2]);
  ASSIGN_OR_RETURN(response.fields, ParseFields(head));
  ASSIGN_OR_RETURN(const std::optional<BodyFraming> framing, FramingOf(response.fields, *version));
  const bool none =
      method == "HEAD" || response.status < 200 || response.status == 204 || response.status == 304;
  if (!none) {
    response.body = framing.value_or(BodyFraming{BodyFraming::Kind::kUntilClose, 0});
  }
  return response;
}

}  // namespace tributary::gateway
