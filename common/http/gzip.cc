#include "common/http/gzip.h"

#include <isa-l.h>
#include <zlib.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/check.h"

namespace tributary::http {
namespace {

// Both libraries count in 32 bits and take bytes that are not const.
constexpr size_t kInputPartMax = 1u << 30;

uint8_t* Bytes(const char* data) {
  return reinterpret_cast<uint8_t*>(const_cast<char*>(data));  // NOLINT: input is only read
}

}  // namespace

std::string Gzip(absl::string_view data) {
  isal_zstream stream;
  isal_deflate_init(&stream);
  stream.avail_in = 0;  // which init leaves as it is
  std::vector<uint8_t> level_buffer(ISAL_DEF_LVL1_DEFAULT);
  stream.level = 1;
  stream.level_buf = level_buffer.data();
  stream.level_buf_size = static_cast<uint32_t>(level_buffer.size());
  stream.gzip_flag = IGZIP_GZIP;
  stream.flush = NO_FLUSH;
  std::string out;
  do {
    if (stream.avail_in == 0) {
      const size_t part = std::min(data.size(), kInputPartMax);
      stream.next_in = Bytes(data.data());
      stream.avail_in = static_cast<uint32_t>(part);
      data.remove_prefix(part);
      stream.end_of_stream = data.empty() ? 1 : 0;
    }
    const size_t before = out.size();
    const size_t room = std::clamp<size_t>(stream.avail_in / 3, 4096, 1u << 20);
    out.resize(before + room);
    stream.next_out = Bytes(out.data() + before);
    stream.avail_out = static_cast<uint32_t>(room);
    const int result = isal_deflate(&stream);
    CHECK(result == COMP_OK, "isal_deflate returned ", result);
    out.resize(before + room - stream.avail_out);
  } while (stream.internal_state.state != ZSTATE_END);
  return out;
}

// By zlib: only old clients need it, so its longer record with damaged input counts for more.
absl::StatusOr<std::string> Gunzip(absl::string_view compressed, uint64_t bytes_max) {
  constexpr int kGzipOnly = 16 + MAX_WBITS;
  z_stream stream = {};
  int result = ::inflateInit2(&stream, kGzipOnly);
  CHECK(result == Z_OK, "inflateInit2 returned ", result);
  std::string out;
  while (result != Z_STREAM_END && out.size() <= bytes_max) {
    if (stream.avail_in == 0) {
      const size_t part = std::min(compressed.size(), kInputPartMax);
      stream.next_in = Bytes(compressed.data());
      stream.avail_in = static_cast<uInt>(part);
      compressed.remove_prefix(part);
    }
    const size_t before = out.size();
    const size_t room = std::clamp<size_t>(size_t{stream.avail_in} * 4, 4096, 1u << 20);
    out.resize(before + room);
    stream.next_out = Bytes(out.data() + before);
    stream.avail_out = static_cast<uInt>(room);
    result = ::inflate(&stream, Z_NO_FLUSH);
    out.resize(before + room - stream.avail_out);
    if (result != Z_OK && result != Z_STREAM_END) break;
  }
  ::inflateEnd(&stream);
  if (out.size() > bytes_max) {
    return absl::ResourceExhaustedError("the gzip data holds more than allowed");
  }
  if (result != Z_STREAM_END) return absl::DataLossError("the gzip data is damaged or cut short");
  return out;
}

bool AcceptsGzip(absl::string_view accept_encoding) {
  std::optional<bool> by_name, by_star;
  for (const absl::string_view item : absl::StrSplit(accept_encoding, ',')) {
    const std::vector<absl::string_view> pieces = absl::StrSplit(item, ';');
    const absl::string_view coding = absl::StripAsciiWhitespace(pieces[0]);
    bool wanted = true;
    for (size_t i = 1; i < pieces.size(); ++i) {
      absl::string_view parameter = absl::StripAsciiWhitespace(pieces[i]);
      double quality = 0;
      if (absl::ConsumePrefix(&parameter, "q=") || absl::ConsumePrefix(&parameter, "Q=")) {
        // A quality that is no number is taken as a refusal: plain bytes suit everybody.
        wanted = absl::SimpleAtod(parameter, &quality) && quality > 0;
      }
    }
    if (absl::EqualsIgnoreCase(coding, "gzip") || absl::EqualsIgnoreCase(coding, "x-gzip")) {
      by_name = by_name.value_or(false) || wanted;
    } else if (coding == "*") {
      by_star = wanted;
    }
  }
  return by_name.value_or(by_star.value_or(false));
}

}  // namespace tributary::http
