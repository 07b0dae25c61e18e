// Numbers and lines of CSV, as Python's writer makes them: what readers of these files expect.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_CSV_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_CSV_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace tributary::serve {

inline constexpr char kCsvType[] = "text/csv; charset=utf-8";

// The shortest text that reads back as the same double: "0.1", "3.0", "1e-05", "nan", "-inf".
std::string CsvNumber(double value);

// One line with its CRLF; fields are quoted where they must be.
std::string CsvLine(const std::vector<std::string>& fields);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_CSV_H_
