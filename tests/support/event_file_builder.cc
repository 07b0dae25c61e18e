#include "tests/support/event_file_builder.h"

#include "common/check.h"
#include "common/eventfile/tfrecord_writer.h"

namespace tributary {
namespace {

// An event with one value of this tag, which `value` is set to.
tensorboard::Event EventOfOneValue(absl::string_view tag, Step step, WallTime wall,
                                   tensorboard::Summary::Value** value) {
  tensorboard::Event event;
  event.set_wall_time(wall.value());
  event.set_step(step.value());
  *value = event.mutable_summary()->add_value();
  (*value)->set_tag(std::string(tag));
  return event;
}

}  // namespace

EventFileBuilder& EventFileBuilder::FileVersion(WallTime wall) {
  tensorboard::Event event;
  event.set_wall_time(wall.value());
  event.set_file_version("brain.Event:2");
  return Event(event);
}

EventFileBuilder& EventFileBuilder::Scalar(absl::string_view tag, Step step, float value,
                                           WallTime wall) {
  tensorboard::Summary::Value* summary_value;
  const tensorboard::Event event = EventOfOneValue(tag, step, wall, &summary_value);
  summary_value->set_simple_value(value);
  return Event(event);
}

EventFileBuilder& EventFileBuilder::TensorScalar(absl::string_view tag, Step step, float value,
                                                 WallTime wall) {
  tensorboard::Summary::Value* summary_value;
  const tensorboard::Event event = EventOfOneValue(tag, step, wall, &summary_value);
  summary_value->mutable_metadata()->mutable_plugin_data()->set_plugin_name("scalars");
  tensorboard::TensorProto* tensor = summary_value->mutable_tensor();
  tensor->set_dtype(tensorboard::DT_FLOAT);
  tensor->mutable_tensor_shape();
  tensor->add_float_val(value);
  return Event(event);
}

EventFileBuilder& EventFileBuilder::Image(absl::string_view tag, Step step,
                                          absl::string_view encoded, WallTime wall) {
  tensorboard::Summary::Value* summary_value;
  const tensorboard::Event event = EventOfOneValue(tag, step, wall, &summary_value);
  tensorboard::Summary::Image* image = summary_value->mutable_image();
  image->set_height(1);
  image->set_width(1);
  image->set_colorspace(3);
  image->set_encoded_image_string(std::string(encoded));
  return Event(event);
}

EventFileBuilder& EventFileBuilder::Histogram(absl::string_view tag, Step step,
                                              const std::vector<Bucket>& buckets, WallTime wall) {
  tensorboard::Summary::Value* summary_value;
  const tensorboard::Event event = EventOfOneValue(tag, step, wall, &summary_value);
  tensorboard::HistogramProto* histogram = summary_value->mutable_histo();
  double count = 0;
  for (const Bucket& bucket : buckets) {
    histogram->add_bucket_limit(bucket.limit);
    histogram->add_bucket(bucket.count);
    count += bucket.count;
  }
  histogram->set_num(count);
  if (!buckets.empty()) {
    histogram->set_min(buckets.front().limit);
    histogram->set_max(buckets.back().limit);
  }
  return Event(event);
}

EventFileBuilder& EventFileBuilder::Text(absl::string_view tag, Step step, absl::string_view text,
                                         WallTime wall) {
  tensorboard::Summary::Value* summary_value;
  const tensorboard::Event event = EventOfOneValue(tag, step, wall, &summary_value);
  summary_value->mutable_metadata()->mutable_plugin_data()->set_plugin_name("text");
  tensorboard::TensorProto* tensor = summary_value->mutable_tensor();
  tensor->set_dtype(tensorboard::DT_STRING);
  tensor->mutable_tensor_shape()->add_dim()->set_size(1);
  tensor->add_string_val(std::string(text));
  return Event(event);
}

EventFileBuilder& EventFileBuilder::SessionStart(Step step, WallTime wall) {
  tensorboard::Event event;
  event.set_wall_time(wall.value());
  event.set_step(step.value());
  event.mutable_session_log()->set_status(tensorboard::SessionLog::START);
  return Event(event);
}

EventFileBuilder& EventFileBuilder::Event(const tensorboard::Event& event) {
  return Raw(event.SerializeAsString());
}

EventFileBuilder& EventFileBuilder::Raw(absl::string_view payload) {
  record_offsets_.push_back(bytes_.size());
  AppendTfRecord(payload, &bytes_);
  return *this;
}

EventFileBuilder& EventFileBuilder::Bytes(absl::string_view bytes) {
  bytes_.append(bytes.data(), bytes.size());
  return *this;
}

EventFileBuilder& EventFileBuilder::Zeros(uint64_t bytes) {
  bytes_.append(bytes, '\0');
  return *this;
}

EventFileBuilder& EventFileBuilder::TruncatedBy(uint64_t bytes) {
  CHECK(bytes <= bytes_.size(), bytes, " of ", bytes_.size());
  bytes_.resize(bytes_.size() - bytes);
  return *this;
}

EventFileBuilder& EventFileBuilder::FlipByte(uint64_t offset) {
  CHECK(offset < bytes_.size(), offset, " of ", bytes_.size());
  bytes_[offset] = static_cast<char>(~bytes_[offset]);
  return *this;
}

EventFileBuilder& EventFileBuilder::Hole(uint64_t offset, uint64_t length) {
  CHECK(offset <= bytes_.size() && length <= bytes_.size() - offset, offset, " + ", length, " of ",
        bytes_.size());
  bytes_.replace(offset, length, length, '\0');
  return *this;
}

}  // namespace tributary
