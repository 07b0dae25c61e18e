// Builds the bytes of an event file as real writers would, and then damages them.
//
//   const std::string file =
//       EventFileBuilder().FileVersion().Scalar("loss", Step(1), 0.5).TruncatedBy(3).Build();
#ifndef TRIBUTARY_TESTS_SUPPORT_EVENT_FILE_BUILDER_H_
#define TRIBUTARY_TESTS_SUPPORT_EVENT_FILE_BUILDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/types.h"
#include "tensorboard/event.pb.h"

namespace tributary {

// Not thread-safe. Every call appends one record, except where it says otherwise.
class EventFileBuilder {
 public:
  // The wall time of events that are given none: 2026-01-01.
  static constexpr double kWall = 1'767'225'600;

  // "brain.Event:2", the first record of every file.
  EventFileBuilder& FileVersion(WallTime wall = WallTime(kWall));
  // As PyTorch writes a scalar: simple_value, no metadata.
  EventFileBuilder& Scalar(absl::string_view tag, Step step, float value,
                           WallTime wall = WallTime(kWall));
  // As TensorFlow 2 does: a float tensor of rank 0, with the metadata of plugin "scalars".
  EventFileBuilder& TensorScalar(absl::string_view tag, Step step, float value,
                                 WallTime wall = WallTime(kWall));
  // Summary.Image of 1x1 pixels with these bytes for the encoded image.
  EventFileBuilder& Image(absl::string_view tag, Step step, absl::string_view encoded,
                          WallTime wall = WallTime(kWall));
  // HistogramProto; the buckets are (right edge, count).
  struct Bucket {
    double limit = 0;
    double count = 0;
  };
  EventFileBuilder& Histogram(absl::string_view tag, Step step, const std::vector<Bucket>& buckets,
                              WallTime wall = WallTime(kWall));
  // A text of plugin "text", as PyTorch writes it: one string, shape [1].
  EventFileBuilder& Text(absl::string_view tag, Step step, absl::string_view text,
                         WallTime wall = WallTime(kWall));
  // SessionLog START: the writer began again at `step`.
  EventFileBuilder& SessionStart(Step step, WallTime wall = WallTime(kWall));
  // Any event.
  EventFileBuilder& Event(const tensorboard::Event& event);
  // Any payload in a well-formed record.
  EventFileBuilder& Raw(absl::string_view payload);

  // These change the bytes so far instead.
  // Appends bytes that are no record.
  EventFileBuilder& Bytes(absl::string_view bytes);
  EventFileBuilder& Zeros(uint64_t bytes);
  // Cuts that many bytes off the end.
  EventFileBuilder& TruncatedBy(uint64_t bytes);
  // Inverts the byte at `offset`.
  EventFileBuilder& FlipByte(uint64_t offset);
  // Sets the bytes [offset, offset + length) to zero, as a range that was never written.
  EventFileBuilder& Hole(uint64_t offset, uint64_t length);

  // Where each record begins, in the order of the calls that appended one.
  const std::vector<uint64_t>& record_offsets() const { return record_offsets_; }
  uint64_t size_bytes() const { return bytes_.size(); }
  std::string Build() const { return bytes_; }

 private:
  std::string bytes_;
  std::vector<uint64_t> record_offsets_;
};

}  // namespace tributary

#endif  // TRIBUTARY_TESTS_SUPPORT_EVENT_FILE_BUILDER_H_
