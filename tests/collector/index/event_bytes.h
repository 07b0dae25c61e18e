// Writes the bytes of event files in the words of the tests.
#ifndef TRIBUTARY_TESTS_COLLECTOR_INDEX_EVENT_BYTES_H_
#define TRIBUTARY_TESTS_COLLECTOR_INDEX_EVENT_BYTES_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "common/eventfile/tfrecord_writer.h"
#include "tensorboard/event.pb.h"
#include "tensorboard/types.pb.h"

namespace tributary {

class EventBytes {
 public:
  // The wall time of what follows. Events after it are one second apart.
  EventBytes& At(double wall_time) {
    wall_time_ = wall_time;
    return *this;
  }
  EventBytes& Version() {
    tensorboard::Event event;
    event.set_file_version("brain.Event:2");
    return Event(event, 0);
  }
  EventBytes& Scalar(absl::string_view tag, int64_t step, float value) {
    tensorboard::Event event;
    Value(tag, &event)->set_simple_value(value);
    return Event(event, step);
  }
  // As TensorFlow 2 writes them: a tensor, and who shows it if `plugin` is not empty.
  EventBytes& ScalarTensor(absl::string_view tag, int64_t step, double value,
                           absl::string_view plugin = "scalars") {
    tensorboard::Event event;
    auto* summary_value = Value(tag, &event);
    if (!plugin.empty()) Plugin(summary_value, plugin);
    summary_value->mutable_tensor()->set_dtype(tensorboard::DT_DOUBLE);
    summary_value->mutable_tensor()->add_double_val(value);
    return Event(event, step);
  }
  EventBytes& Text(absl::string_view tag, int64_t step, absl::string_view text) {
    tensorboard::Event event;
    auto* value = Value(tag, &event);
    Plugin(value, "text");
    value->mutable_tensor()->set_dtype(tensorboard::DT_STRING);
    value->mutable_tensor()->mutable_tensor_shape()->add_dim()->set_size(1);
    value->mutable_tensor()->add_string_val(std::string(text));
    return Event(event, step);
  }
  EventBytes& Image(absl::string_view tag, int64_t step) {
    tensorboard::Event event;
    Value(tag, &event)->mutable_image()->set_encoded_image_string("png");
    return Event(event, step);
  }
  EventBytes& Graph(int64_t step) {
    tensorboard::Event event;
    event.set_graph_def("graph");
    return Event(event, step);
  }
  // `event` with the next wall time.
  EventBytes& Event(tensorboard::Event event, int64_t step) {
    event.set_step(step);
    event.set_wall_time(wall_time_);
    wall_time_ += 1;
    return Payload(event.SerializeAsString());
  }
  EventBytes& Payload(absl::string_view payload) {
    AppendTfRecord(payload, &bytes_);
    return *this;
  }
  // Changes one byte of the last record's payload.
  EventBytes& Flipped() {
    bytes_[bytes_.size() - 5] = static_cast<char>(bytes_[bytes_.size() - 5] ^ 1);
    return *this;
  }
  EventBytes& Zeros(size_t count) {
    bytes_.append(count, '\0');
    return *this;
  }
  EventBytes& TruncatedBy(size_t count) {
    bytes_.resize(bytes_.size() - count);
    return *this;
  }

  const std::string& bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }

  static tensorboard::Summary::Value* Value(absl::string_view tag, tensorboard::Event* event) {
    auto* value = event->mutable_summary()->add_value();
    value->set_tag(std::string(tag));
    return value;
  }
  static void Plugin(tensorboard::Summary::Value* value, absl::string_view name) {
    value->mutable_metadata()->mutable_plugin_data()->set_plugin_name(std::string(name));
  }

 private:
  double wall_time_ = 1'700'000'000;
  std::string bytes_;
};

}  // namespace tributary

#endif  // TRIBUTARY_TESTS_COLLECTOR_INDEX_EVENT_BYTES_H_
