// Form bodies: application/x-www-form-urlencoded and multipart/form-data (RFC 7578).
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "common/http/message.h"
#include "common/status_macros.h"

namespace tributary::http {
namespace {

constexpr absl::string_view kLineEnd = "\r\n";

// Takes the next `name=value` of a header's parameters off `rest`, which begins after a ';'. The
// value may be quoted. False at the end, or where what follows is no parameter.
bool TakeParameter(absl::string_view* rest, std::string* name, std::string* value) {
  *rest = absl::StripLeadingAsciiWhitespace(*rest);
  const size_t equals = rest->find('=');
  if (equals == absl::string_view::npos) return false;
  *name = absl::AsciiStrToLower(absl::StripAsciiWhitespace(rest->substr(0, equals)));
  rest->remove_prefix(equals + 1);
  value->clear();
  if (absl::ConsumePrefix(rest, "\"")) {
    bool closed = false;
    while (!rest->empty() && !closed) {
      char c = rest->front();
      rest->remove_prefix(1);
      if (c == '"') {
        closed = true;
        continue;
      }
      // Only these two: some browsers send a path's backslashes as they are.
      if (c == '\\' && !rest->empty() && (rest->front() == '"' || rest->front() == '\\')) {
        c = rest->front();
        rest->remove_prefix(1);
      }
      value->push_back(c);
    }
    if (!closed) return false;
    *rest = absl::StripLeadingAsciiWhitespace(*rest);
  } else {
    const size_t end = std::min(rest->find(';'), rest->size());
    *value = std::string(absl::StripAsciiWhitespace(rest->substr(0, end)));
    rest->remove_prefix(end);
  }
  return rest->empty() || absl::ConsumePrefix(rest, ";");
}

struct Disposition {
  std::optional<std::string> name;
  bool is_file = false;
};

// Reads the header lines of one part.
absl::StatusOr<Disposition> ParsePartHeaders(absl::string_view lines) {
  Disposition disposition;
  while (!lines.empty()) {
    const size_t end = std::min(lines.find(kLineEnd), lines.size());
    const absl::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + kLineEnd.size(), lines.size()));
    const size_t colon = line.find(':');
    if (colon == absl::string_view::npos) {
      return absl::InvalidArgumentError("a header of a form part has no colon");
    }
    if (!absl::EqualsIgnoreCase(line.substr(0, colon), "content-disposition")) continue;
    absl::string_view rest = absl::StripAsciiWhitespace(line.substr(colon + 1));
    if (!absl::ConsumePrefix(&rest, "form-data")) {
      return absl::InvalidArgumentError("a form part is not form-data");
    }
    rest = absl::StripLeadingAsciiWhitespace(rest);
    absl::ConsumePrefix(&rest, ";");
    std::string name, value;
    while (TakeParameter(&rest, &name, &value)) {
      if (name == "name") {
        // Browsers escape three characters of a name, and only these.
        disposition.name =
            absl::StrReplaceAll(value, {{"%22", "\""}, {"%0D", "\r"}, {"%0A", "\n"}});
      } else if (name == "filename" || name == "filename*") {
        disposition.is_file = true;
      }
    }
  }
  if (!disposition.name.has_value()) {
    return absl::InvalidArgumentError("a form part has no name");
  }
  return disposition;
}

absl::StatusOr<Parameters> ParseMultipart(absl::string_view body, absl::string_view boundary) {
  const std::string delimiter = absl::StrCat("\r\n--", boundary);
  // The first delimiter may stand at the very start, without a line end before it.
  if (!absl::ConsumePrefix(&body, absl::string_view(delimiter).substr(kLineEnd.size()))) {
    const size_t first = body.find(delimiter);
    if (first == absl::string_view::npos) {
      return absl::InvalidArgumentError("the form's boundary is not in its body");
    }
    body.remove_prefix(first + delimiter.size());
  }
  Parameters fields;
  for (;;) {
    if (absl::StartsWith(body, "--")) return fields;
    while (!body.empty() && (body.front() == ' ' || body.front() == '\t')) body.remove_prefix(1);
    if (!absl::StartsWith(body, kLineEnd)) {
      return absl::InvalidArgumentError("a form boundary is followed by other text");
    }
    const size_t headers_end = body.find("\r\n\r\n");
    const size_t part_end = headers_end == absl::string_view::npos
                                ? headers_end
                                : body.find(delimiter, headers_end + kLineEnd.size());
    if (part_end == absl::string_view::npos) {
      return absl::InvalidArgumentError("a form part does not end");
    }
    const size_t headers_begin = std::min(kLineEnd.size(), headers_end);
    ASSIGN_OR_RETURN(const Disposition disposition,
                     ParsePartHeaders(body.substr(
                         headers_begin, std::max(headers_end, headers_begin) - headers_begin)));
    const size_t content_begin = std::min(headers_end + 4, part_end);
    if (!disposition.is_file) {
      if (fields.size() == kFormFieldsMax) {
        return absl::InvalidArgumentError("the form has too many fields");
      }
      fields.emplace_back(*disposition.name, body.substr(content_begin, part_end - content_begin));
    }
    body.remove_prefix(part_end + delimiter.size());
  }
}

}  // namespace

absl::StatusOr<Parameters> ParseForm(const Request& request) {
  absl::string_view type = request.Header("content-type");
  const size_t semicolon = std::min(type.find(';'), type.size());
  const std::string media =
      absl::AsciiStrToLower(absl::StripAsciiWhitespace(type.substr(0, semicolon)));
  type.remove_prefix(std::min(semicolon + 1, type.size()));
  if (media == "application/x-www-form-urlencoded") {
    if (static_cast<size_t>(std::count(request.body.begin(), request.body.end(), '&')) >=
        kFormFieldsMax) {
      return absl::InvalidArgumentError("the form has too many fields");
    }
    return ParseQuery(request.body);
  }
  if (media != "multipart/form-data") {
    return absl::InvalidArgumentError("the body is not a form");
  }
  std::string name, value;
  while (TakeParameter(&type, &name, &value)) {
    if (name != "boundary") continue;
    if (value.empty() || value.size() > 70) break;
    return ParseMultipart(request.body, value);
  }
  return absl::InvalidArgumentError("the form names no boundary");
}

}  // namespace tributary::http
