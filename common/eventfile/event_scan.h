// Reads the wire format of Event and Summary by hand: no allocation, no copy; 5-7 times as fast as
// parsing messages.
//
// Agrees with libprotobuf, one level of messages at a time (differential fuzz targets hold this):
// what it refuses, libprotobuf refuses; for a field that repeats, the last one wins; within a oneof
// the last member wins; unknown fields are skipped; strings that are not UTF-8 are refused as
// proto3 does. The bytes of a submessage are handed on unread: whoever reads them finds out whether
// they are well-formed. Where only libprotobuf gets it right, the result is kRare, and the caller
// parses that event with libprotobuf: a submessage that occurs twice (it is merged), a submessage
// of a oneof that another member replaces, and groups.
//
// Field numbers: Event 1 wall_time (double), 2 step (int64), 3 file_version, 4 graph_def, 5
// summary, 6 log_message, 7 session_log, 8 tagged_run_metadata, 9 meta_graph_def, 10
// source_metadata. Summary 1 value. Summary.Value 1 tag, 2 simple_value (float), 3
// obsolete_old_style_histogram, 4 image, 5 histo, 6 audio, 7 node_name, 8 tensor, 9 metadata.
#ifndef TRIBUTARY_COMMON_EVENTFILE_EVENT_SCAN_H_
#define TRIBUTARY_COMMON_EVENTFILE_EVENT_SCAN_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace tributary {

enum class ScanResult {
  kOk,
  kMalformed,  // libprotobuf would refuse it too.
  kRare,       // Perhaps legal: ask libprotobuf (merged or replaced submessages, groups).
};

struct ScannedEvent {
  enum class What {
    kNone,
    kFileVersion,
    kGraphDef,
    kSummary,
    kLogMessage,
    kSessionLog,
    kTaggedRunMetadata,
    kMetaGraphDef
  };
  double wall_time = 0;
  int64_t step = 0;
  What what = What::kNone;
  // The member of the oneof: the bytes of the string or submessage. Points into the payload.
  absl::string_view what_bytes;
};

// Reads one Event. `event` is meaningful only with kOk.
ScanResult ScanEvent(absl::string_view payload, ScannedEvent* event);

struct ScannedValue {
  enum class Kind { kNone, kSimpleValue, kObsoleteHistogram, kImage, kHistogram, kAudio, kTensor };
  absl::string_view tag;
  absl::string_view node_name;
  Kind kind = Kind::kNone;
  float simple_value = 0;         // with kSimpleValue
  absl::string_view value_bytes;  // the submessage of the other kinds
  bool has_metadata = false;
  absl::string_view metadata;  // SummaryMetadata
};

// Goes through the values of one Summary.
class SummaryScanner {
 public:
  explicit SummaryScanner(absl::string_view summary) : rest_(summary) {}

  // The next value. False at the end, or when the rest is malformed or rare: see result(). After
  // false, false for ever.
  bool Next(ScannedValue* value);
  ScanResult result() const { return result_; }

 private:
  absl::string_view rest_;
  ScanResult result_ = ScanResult::kOk;
};

// A TensorProto with exactly one numeric element, of any fixed-size numeric dtype (bool counts), by
// the rules of TensorFlow: tensor_content wins if it is not empty, else the typed list.
struct ScannedScalarTensor {
  double value = 0;
  // True if the dtype's every value is exact in float32 (float, half, bfloat16, 8- and 16-bit
  // integers, bool).
  bool exact_in_float = true;
  // True for what TensorBoard's data server takes for a scalar: DT_FLOAT, rank 0.
  bool is_float_rank_0 = false;
};

// True if `tensor` is one, and then fills `out`. False for anything else: malformed bytes, other
// counts, strings, complex, quantized, sub-byte and reference dtypes, tensors with groups in them.
bool ScanScalarTensor(absl::string_view tensor, ScannedScalarTensor* out);

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_EVENTFILE_EVENT_SCAN_H_
