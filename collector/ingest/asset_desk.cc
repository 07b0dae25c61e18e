#include "collector/ingest/asset_desk.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace tributary {

ingest::v1::RefusalReason AssetRefusal(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOutOfRange:
      return ingest::v1::REFUSAL_REASON_GAP;
    case absl::StatusCode::kInvalidArgument:
      return ingest::v1::REFUSAL_REASON_LIMIT;
    case absl::StatusCode::kDataLoss:
      return ingest::v1::REFUSAL_REASON_CONFLICT;
    case absl::StatusCode::kResourceExhausted:
      return ingest::v1::REFUSAL_REASON_STORE_FULL;
    case absl::StatusCode::kAborted:
      return ingest::v1::REFUSAL_REASON_STORE_LOST;
    default:
      return ingest::v1::REFUSAL_REASON_STORE_FAILED;
  }
}

AssetResult AssetDesk::Take(AssetOrder order) {
  AssetResult result;
  const auto refuse = [&](const absl::Status& why) {
    metrics_->BytesRefused(order.data.size());
    SliceRefusal& refusal = result.refusal.emplace();
    refusal.number = order.number;
    refusal.stream = order.asset->id();
    if (why.ok()) return;
    refusal.reason = AssetRefusal(why);
    refusal.detail = std::string(why.message());
    if (refusal.reason == ingest::v1::REFUSAL_REASON_GAP) refusal.wanted_offset = 0;
  };
  Upload& upload = uploads_[order.asset->id()];
  if (order.offset == 0) {
    upload = {order.session, order.version.size_bytes, order.version.modified_unix_nanos, nullptr};
  } else if (upload.session == order.session && upload.writer == nullptr) {
    refuse(absl::OkStatus());
    return result;
  }
  absl::Status status = Begin(order, &upload);
  if (status.ok()) status = upload.writer->Append(order.data);
  if (status.ok() && order.last) status = Complete(order, upload.writer.get());
  if (!status.ok()) {
    refuse(status);
    upload = Upload();
    upload.session = order.session;
    return result;
  }
  metrics_->AssetBytesTaken(order.data.size());
  result.received_bytes = upload.writer->received_bytes();
  if (order.last) {
    result.whole = std::move(upload.writer);
    uploads_.erase(order.asset->id());
  }
  return result;
}

absl::Status AssetDesk::Begin(const AssetOrder& order, Upload* upload) {
  const bool goes_on = upload->session == order.session && upload->writer != nullptr &&
                       upload->size_bytes == order.version.size_bytes &&
                       upload->modified_unix_nanos == order.version.modified_unix_nanos &&
                       upload->writer->received_bytes() == order.offset;
  if (order.offset > 0 && !goes_on) {
    return absl::OutOfRangeError(
        absl::StrCat("a part at ", order.offset, " of a version of ", order.version.size_bytes,
                     " bytes does not follow what came before: send the version again from 0"));
  }
  if (order.data.size() > order.version.size_bytes - order.offset) {
    return absl::InvalidArgumentError(
        absl::StrCat("a part of ", order.data.size(), " bytes at ", order.offset,
                     " reaches past the version's size of ", order.version.size_bytes));
  }
  if (order.offset > 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(upload->writer, store_->Begin(*order.asset, order.version.size_bytes));
  return absl::OkStatus();
}

absl::Status AssetDesk::Complete(const AssetOrder& order, AssetWriter* writer) const {
  if (writer->received_bytes() != order.version.size_bytes) {
    return absl::DataLossError(absl::StrCat("the last part came after ", writer->received_bytes(),
                                            " of ", order.version.size_bytes, " bytes"));
  }
  if (writer->crc32c() != order.version.crc32c) {
    return absl::DataLossError("the bytes do not match the checksum of the version");
  }
  return writer->Sync();
}

void AssetDesk::Drop(uint64_t session) {
  absl::erase_if(uploads_, [&](const auto& upload) { return upload.second.session == session; });
}

}  // namespace tributary
