// Frames payloads as TFRecords, for tests, benchmarks and repair.
#ifndef TRIBUTARY_COMMON_EVENTFILE_TFRECORD_WRITER_H_
#define TRIBUTARY_COMMON_EVENTFILE_TFRECORD_WRITER_H_

#include <string>

#include "absl/strings/string_view.h"

namespace tributary {

// Appends the record of `payload` (header, payload, footer) to `out`.
void AppendTfRecord(absl::string_view payload, std::string* out);

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_EVENTFILE_TFRECORD_WRITER_H_
