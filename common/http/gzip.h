// gzip of whole bodies, and which clients take it.
#ifndef TRIBUTARY_COMMON_HTTP_GZIP_H_
#define TRIBUTARY_COMMON_HTTP_GZIP_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tributary::http {

// One gzip member at ISA-L's level 1: some 400 MB/s, a little larger than zlib's level 3.
std::string Gzip(absl::string_view data);

// The content of one gzip member. DataLoss if it is damaged or cut short, ResourceExhausted if it
// is more than `bytes_max`.
absl::StatusOr<std::string> Gunzip(absl::string_view compressed, uint64_t bytes_max);

// Whether an Accept-Encoding header takes gzip: by name or by "*", and not with q=0.
bool AcceptsGzip(absl::string_view accept_encoding);

}  // namespace tributary::http

#endif  // TRIBUTARY_COMMON_HTTP_GZIP_H_
