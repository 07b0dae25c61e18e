// How commands write their answers: tables for people, JSON for machines.
#ifndef TRIBUTARY_COMMON_TEXT_H_
#define TRIBUTARY_COMMON_TEXT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace tributary {

// Rows under a heading, columns as wide as their widest cell. Cells are made printable as below.
std::string TextTable(const std::vector<std::string>& heading,
                      const std::vector<std::vector<std::string>>& rows);

// Text from outside as it may stand in a line: characters that steer a terminal, are not seen or
// turn others round become '?', bytes that are no UTF-8 become U+FFFD.
std::string Printable(absl::string_view text);

// A JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD.
std::string JsonString(absl::string_view text);

// "512 B", "3.4 KiB", "12 MiB".
std::string HumanBytes(uint64_t bytes);
// "8 s", "3 min", "2 h 5 min", "4 d".
std::string HumanDuration(absl::Duration duration);
// "1 file", "3 files".
std::string Counted(uint64_t count, absl::string_view noun);

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_TEXT_H_
