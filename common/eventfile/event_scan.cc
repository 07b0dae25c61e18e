#include "common/eventfile/event_scan.h"

#include <bit>

#include "common/eventfile/wire_reader.h"

namespace tributary {
namespace {

using What = ScannedEvent::What;
using Kind = ScannedValue::Kind;

constexpr bool IsSubmessage(What what) {
  return what == What::kSummary || what == What::kLogMessage || what == What::kSessionLog ||
         what == What::kTaggedRunMetadata;
}

constexpr bool IsSubmessage(Kind kind) {
  return kind == Kind::kImage || kind == Kind::kHistogram || kind == Kind::kAudio ||
         kind == Kind::kTensor;
}

// Sets the oneof to `what`. A submessage that was there may have to be merged, or is refused by
// libprotobuf if it is malformed inside: not ours to decide.
void SetWhat(What what, WireReader* reader, ScannedEvent* event) {
  if (IsSubmessage(event->what)) return reader->Fail(ScanResult::kRare);
  event->what = what;
  event->what_bytes = what == What::kFileVersion ? reader->String() : reader->Bytes();
}

// The same for a value. True if the oneof may be set.
bool SetKind(Kind kind, WireReader* reader, ScannedValue* value) {
  if (IsSubmessage(value->kind)) {
    reader->Fail(ScanResult::kRare);
    return false;
  }
  value->kind = kind;
  return true;
}

void SetBytes(Kind kind, WireReader* reader, ScannedValue* value) {
  if (SetKind(kind, reader, value)) value->value_bytes = reader->Bytes();
}

ScanResult ScanValue(absl::string_view bytes, ScannedValue* value) {
  *value = ScannedValue();
  WireReader reader(bytes);
  while (reader.NextField()) {
    switch (reader.tag()) {
      case WireTag(1, WireType::kBytes):
        value->tag = reader.String();
        break;
      case WireTag(2, WireType::kFixed32):
        if (SetKind(Kind::kSimpleValue, &reader, value)) {
          value->simple_value = std::bit_cast<float>(reader.Fixed32());
        }
        break;
      case WireTag(3, WireType::kBytes):
        SetBytes(Kind::kObsoleteHistogram, &reader, value);
        break;
      case WireTag(4, WireType::kBytes):
        SetBytes(Kind::kImage, &reader, value);
        break;
      case WireTag(5, WireType::kBytes):
        SetBytes(Kind::kHistogram, &reader, value);
        break;
      case WireTag(6, WireType::kBytes):
        SetBytes(Kind::kAudio, &reader, value);
        break;
      case WireTag(7, WireType::kBytes):
        value->node_name = reader.String();
        break;
      case WireTag(8, WireType::kBytes):
        SetBytes(Kind::kTensor, &reader, value);
        break;
      case WireTag(9, WireType::kBytes):
        if (value->has_metadata) {
          reader.Fail(ScanResult::kRare);
          break;
        }
        value->has_metadata = true;
        value->metadata = reader.Bytes();
        break;
      default:
        reader.Skip();
    }
  }
  return reader.result();
}

}  // namespace

ScanResult ScanEvent(absl::string_view payload, ScannedEvent* event) {
  *event = ScannedEvent();
  WireReader reader(payload);
  while (reader.NextField()) {
    switch (reader.tag()) {
      case WireTag(1, WireType::kFixed64):
        event->wall_time = std::bit_cast<double>(reader.Fixed64());
        break;
      case WireTag(2, WireType::kVarint):
        event->step = static_cast<int64_t>(reader.Varint());
        break;
      case WireTag(3, WireType::kBytes):
        SetWhat(What::kFileVersion, &reader, event);
        break;
      case WireTag(4, WireType::kBytes):
        SetWhat(What::kGraphDef, &reader, event);
        break;
      case WireTag(5, WireType::kBytes):
        SetWhat(What::kSummary, &reader, event);
        break;
      case WireTag(6, WireType::kBytes):
        SetWhat(What::kLogMessage, &reader, event);
        break;
      case WireTag(7, WireType::kBytes):
        SetWhat(What::kSessionLog, &reader, event);
        break;
      case WireTag(8, WireType::kBytes):
        SetWhat(What::kTaggedRunMetadata, &reader, event);
        break;
      case WireTag(9, WireType::kBytes):
        SetWhat(What::kMetaGraphDef, &reader, event);
        break;
      default:
        reader.Skip();
    }
  }
  return reader.result();
}

bool SummaryScanner::Next(ScannedValue* value) {
  WireReader reader(rest_);
  while (result_ == ScanResult::kOk && reader.NextField()) {
    if (reader.tag() != WireTag(1, WireType::kBytes)) {
      reader.Skip();
      continue;
    }
    const absl::string_view bytes = reader.Bytes();
    if (reader.result() != ScanResult::kOk) break;
    rest_.remove_prefix(static_cast<size_t>(bytes.data() + bytes.size() - rest_.data()));
    result_ = ScanValue(bytes, value);
    if (result_ == ScanResult::kOk) return true;
  }
  if (result_ == ScanResult::kOk) result_ = reader.result();
  rest_ = {};
  return false;
}

}  // namespace tributary
