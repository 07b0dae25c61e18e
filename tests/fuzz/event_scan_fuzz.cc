// The hand-written scan and libprotobuf agree: they refuse the same bytes, level by level, and read
// the same values. Where the scan says kRare, libprotobuf decides alone.
//
// Input: the payload of an Event; read as a Summary and as a TensorProto as well.
#include <google/protobuf/message.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/unknown_field_set.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/check.h"
#include "common/eventfile/event_scan.h"
#include "tensorboard/event.pb.h"
#include "tensorboard/tensor.pb.h"
#include "wire_shell.pb.h"

namespace tributary {
namespace {

using fuzz::EventShell;
using fuzz::SummaryShell;
using fuzz::ValueShell;
using tensorboard::TensorProto;

const std::string& BytesOf(const ValueShell& shell) {
  switch (shell.value_case()) {
    case ValueShell::kObsoleteOldStyleHistogram:
      return shell.obsolete_old_style_histogram();
    case ValueShell::kImage:
      return shell.image();
    case ValueShell::kHisto:
      return shell.histo();
    case ValueShell::kAudio:
      return shell.audio();
    default:
      return shell.tensor();  // Empty if it is not set.
  }
}

void CheckValue(const ScannedValue& scanned, const std::string& bytes) {
  using Kind = ScannedValue::Kind;
  ValueShell shell;
  CHECK(shell.ParseFromString(bytes), "the scan takes what libprotobuf refuses");
  CHECK(scanned.tag == shell.tag() && scanned.node_name == shell.node_name());
  CHECK(scanned.has_metadata == shell.has_metadata() && scanned.metadata == shell.metadata());
  CHECK((scanned.kind == Kind::kSimpleValue) == shell.has_simple_value());
  CHECK((scanned.kind == Kind::kObsoleteHistogram) == shell.has_obsolete_old_style_histogram());
  CHECK((scanned.kind == Kind::kImage) == shell.has_image());
  CHECK((scanned.kind == Kind::kHistogram) == shell.has_histo());
  CHECK((scanned.kind == Kind::kAudio) == shell.has_audio());
  CHECK((scanned.kind == Kind::kTensor) == shell.has_tensor());
  if (shell.has_simple_value()) {
    CHECK(std::bit_cast<uint32_t>(scanned.simple_value) ==
          std::bit_cast<uint32_t>(shell.simple_value()));
  } else {
    CHECK(scanned.value_bytes == BytesOf(shell));
  }
}

ScanResult CheckSummary(absl::string_view bytes) {
  SummaryShell shell;
  const bool whole = shell.ParseFromString(std::string(bytes));
  SummaryScanner scanner(bytes);
  ScannedValue value;
  int count = 0;
  while (scanner.Next(&value)) {
    // Values before the place where libprotobuf refused are not in the shell, so only check these.
    if (whole) {
      CHECK(count < shell.value_size());
      CheckValue(value, shell.value(count));
    }
    ++count;
  }
  const ScanResult result = scanner.result();
  CHECK(!scanner.Next(&value) && scanner.result() == result, "false is not for ever");
  if (result == ScanResult::kOk) {
    CHECK(whole && count == shell.value_size(), count, " values");
  } else if (result == ScanResult::kMalformed && whole) {
    CHECK(count < shell.value_size());
    CHECK(!ValueShell().ParseFromString(shell.value(count)), "a good value is refused");
    CHECK(!tensorboard::Summary().ParseFromString(std::string(bytes)));
  }
  return result;
}

void CheckEvent(absl::string_view payload) {
  using What = ScannedEvent::What;
  const std::string bytes(payload);
  ScannedEvent scanned;
  const ScanResult result = ScanEvent(payload, &scanned);
  if (result == ScanResult::kRare) return;
  EventShell shell;
  const bool parses = shell.ParseFromString(bytes);
  CHECK(parses == (result == ScanResult::kOk), "libprotobuf ", parses);
  tensorboard::Event event;
  const bool deep = event.ParseFromString(bytes);
  CHECK(!deep || parses, "Event takes what its shell refuses");
  if (!parses) return;

  CHECK(std::bit_cast<uint64_t>(scanned.wall_time) == std::bit_cast<uint64_t>(shell.wall_time()));
  CHECK(scanned.step == shell.step());
  const auto check = [&](What what, bool has, const std::string& member) {
    CHECK((scanned.what == what) == has);
    if (has) CHECK(scanned.what_bytes == member);
  };
  check(What::kFileVersion, shell.has_file_version(), shell.file_version());
  check(What::kGraphDef, shell.has_graph_def(), shell.graph_def());
  check(What::kSummary, shell.has_summary(), shell.summary());
  check(What::kLogMessage, shell.has_log_message(), shell.log_message());
  check(What::kSessionLog, shell.has_session_log(), shell.session_log());
  check(What::kTaggedRunMetadata, shell.has_tagged_run_metadata(), shell.tagged_run_metadata());
  check(What::kMetaGraphDef, shell.has_meta_graph_def(), shell.meta_graph_def());
  CHECK((scanned.what == What::kNone) == (shell.what_case() == EventShell::WHAT_NOT_SET));
  if (deep) {
    CHECK(scanned.step == event.step() && (scanned.what == What::kSummary) == event.has_summary());
  }
  if (scanned.what == What::kSummary) {
    const ScanResult summary = CheckSummary(scanned.what_bytes);
    CHECK(!deep || summary != ScanResult::kMalformed, "Event takes what the scan refuses");
  }
}

bool HasGroups(const google::protobuf::Message& message) {
  const google::protobuf::UnknownFieldSet& fields =
      message.GetReflection()->GetUnknownFields(message);
  for (int i = 0; i < fields.field_count(); ++i) {
    if (fields.field(i).type() == google::protobuf::UnknownField::TYPE_GROUP) return true;
  }
  return false;
}

// How many elements the typed list of the dtype has; -1 for a dtype that is no single number.
int ListSize(const TensorProto& tensor) {
  switch (tensor.dtype()) {
    case tensorboard::DT_FLOAT:
      return tensor.float_val_size();
    case tensorboard::DT_DOUBLE:
      return tensor.double_val_size();
    case tensorboard::DT_INT32:
    case tensorboard::DT_INT16:
    case tensorboard::DT_INT8:
    case tensorboard::DT_UINT16:
    case tensorboard::DT_UINT8:
      return tensor.int_val_size();
    case tensorboard::DT_INT64:
      return tensor.int64_val_size();
    case tensorboard::DT_BOOL:
      return tensor.bool_val_size();
    case tensorboard::DT_HALF:
    case tensorboard::DT_BFLOAT16:
      return tensor.half_val_size();
    case tensorboard::DT_UINT32:
      return tensor.uint32_val_size();
    case tensorboard::DT_UINT64:
      return tensor.uint64_val_size();
    default:
      return tensor.dtype() >= tensorboard::DT_FLOAT8_E5M2 &&
                     tensor.dtype() <= tensorboard::DT_FLOAT8_E5M2FNUZ
                 ? static_cast<int>(tensor.float8_val().size())
                 : -1;
  }
}

size_t ContentBytes(tensorboard::DataType dtype) {
  switch (dtype) {
    case tensorboard::DT_DOUBLE:
    case tensorboard::DT_INT64:
    case tensorboard::DT_UINT64:
      return 8;
    case tensorboard::DT_FLOAT:
    case tensorboard::DT_INT32:
    case tensorboard::DT_UINT32:
      return 4;
    case tensorboard::DT_INT16:
    case tensorboard::DT_UINT16:
    case tensorboard::DT_HALF:
    case tensorboard::DT_BFLOAT16:
      return 2;
    default:
      return 1;
  }
}

void CheckTensor(absl::string_view bytes) {
  ScannedScalarTensor scanned;
  const bool is_scalar = ScanScalarTensor(bytes, &scanned);
  TensorProto tensor;
  if (!tensor.ParseFromString(std::string(bytes))) {
    CHECK(!is_scalar, "the scan takes what libprotobuf refuses");
    return;
  }
  bool groups = HasGroups(tensor) || HasGroups(tensor.tensor_shape());
  bool one_element = true;
  for (const auto& dim : tensor.tensor_shape().dim()) {
    groups = groups || HasGroups(dim);
    one_element = one_element && dim.size() == 1;
  }
  if (groups) return;
  const int listed = ListSize(tensor);
  const bool content = !tensor.tensor_content().empty();
  const bool expected =
      one_element && listed >= 0 &&
      (content ? tensor.tensor_content().size() == ContentBytes(tensor.dtype()) : listed == 1);
  CHECK(is_scalar == expected, tensor.DebugString());
  if (!expected || content) return;
  const auto same = [&](double value) {
    CHECK(std::bit_cast<uint64_t>(scanned.value) == std::bit_cast<uint64_t>(value) ||
              (scanned.value != scanned.value && value != value),
          scanned.value, " for ", value);
  };
  switch (tensor.dtype()) {
    case tensorboard::DT_FLOAT:
      return same(tensor.float_val(0));
    case tensorboard::DT_DOUBLE:
      return same(tensor.double_val(0));
    case tensorboard::DT_INT32:
      return same(tensor.int_val(0));
    case tensorboard::DT_INT64:
      return same(static_cast<double>(tensor.int64_val(0)));
    case tensorboard::DT_BOOL:
      return same(tensor.bool_val(0) ? 1 : 0);
    case tensorboard::DT_UINT32:
      return same(tensor.uint32_val(0));
    case tensorboard::DT_UINT64:
      return same(static_cast<double>(tensor.uint64_val(0)));
    default:
      return;
  }
}

}  // namespace
}  // namespace tributary

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // It says on stderr what it refuses.
  static const google::protobuf::LogSilencer* const silencer = new google::protobuf::LogSilencer();
  static_cast<void>(silencer);
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  tributary::CheckEvent(bytes);
  tributary::CheckSummary(bytes);
  tributary::CheckTensor(bytes);
  return 0;
}
