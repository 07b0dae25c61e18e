// The answers of TensorBoard's DataProvider service, without its transport. What each call means is
// the head comment of proto/tensorboard/data/data_provider.proto.
#ifndef TRIBUTARY_COLLECTOR_SERVE_DATA_PROVIDER_H_
#define TRIBUTARY_COLLECTOR_SERVE_DATA_PROVIDER_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/index/index_reader.h"
#include "common/metrics.h"
#include "tensorboard/data/data_provider.pb.h"

namespace tributary::serve {

// Thread-safe: constant after construction. Calls wait for nothing but the reading of records.
class DataProvider {
 public:
  struct Options {
    // Told to whoever asks for the experiment.
    std::string data_location;
    // Most points of one series by plugin name, whatever is asked for; 0: none. For a plugin that
    // is not in it there is no limit but the request's.
    std::map<std::string, uint64_t> points_max;
    // Longest answer, in bytes. Stock front ends refuse more than 256 MiB.
    uint64_t answer_bytes_max = 256u << 20;
  };

  // True as soon as nobody waits for the answer any more.
  using Cancelled = absl::FunctionRef<bool()>;

  // `index` and `metrics` must outlive this.
  DataProvider(const Options& options, const IndexReader* index, MetricsRegistry* metrics);

  // Fill `response`, which must be empty. InvalidArgument as the service says, ResourceExhausted
  // for an answer that would be too long, Cancelled if it was. A point whose record cannot be read
  // is left out and counted: one bad file must not hide the others.
  absl::Status Answer(const tensorboard::data::GetExperimentRequest& request, Cancelled cancelled,
                      tensorboard::data::GetExperimentResponse* response) const;
  absl::Status Answer(const tensorboard::data::ListPluginsRequest& request, Cancelled cancelled,
                      tensorboard::data::ListPluginsResponse* response) const;
  absl::Status Answer(const tensorboard::data::ListRunsRequest& request, Cancelled cancelled,
                      tensorboard::data::ListRunsResponse* response) const;
  absl::Status Answer(const tensorboard::data::ListScalarsRequest& request, Cancelled cancelled,
                      tensorboard::data::ListScalarsResponse* response) const;
  absl::Status Answer(const tensorboard::data::ReadScalarsRequest& request, Cancelled cancelled,
                      tensorboard::data::ReadScalarsResponse* response) const;
  absl::Status Answer(const tensorboard::data::ListTensorsRequest& request, Cancelled cancelled,
                      tensorboard::data::ListTensorsResponse* response) const;
  absl::Status Answer(const tensorboard::data::ReadTensorsRequest& request, Cancelled cancelled,
                      tensorboard::data::ReadTensorsResponse* response) const;
  absl::Status Answer(const tensorboard::data::ListBlobSequencesRequest& request,
                      Cancelled cancelled,
                      tensorboard::data::ListBlobSequencesResponse* response) const;
  absl::Status Answer(const tensorboard::data::ReadBlobSequencesRequest& request,
                      Cancelled cancelled,
                      tensorboard::data::ReadBlobSequencesResponse* response) const;

  // The bytes of a blob. InvalidArgument and NotFound as the service says; otherwise as ReadBlob of
  // plugins/record_values.h.
  absl::StatusOr<std::string> Blob(const tensorboard::data::ReadBlobRequest& request) const;

 private:
  template <typename Request, typename Response>
  absl::Status List(DataClass data_class, const Request& request, Cancelled cancelled,
                    Response* response) const;
  template <typename Request, typename Response>
  absl::Status Read(DataClass data_class, const Request& request, Cancelled cancelled,
                    Response* response) const;
  // Points of the series that may be shown of the `wanted` ones.
  uint64_t Allowed(const SeriesInfo& series, uint64_t wanted) const;

  void Fill(const SeriesInfo& series, uint64_t points_max, Cancelled cancelled,
            tensorboard::data::ScalarData* data) const;
  void Fill(const SeriesInfo& series, uint64_t points_max, Cancelled cancelled,
            tensorboard::data::TensorData* data) const;
  void Fill(const SeriesInfo& series, uint64_t points_max, Cancelled cancelled,
            tensorboard::data::BlobSequenceData* data) const;

  const Options options_;
  const IndexReader* const index_;
  mutable Counter points_unreadable_;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_DATA_PROVIDER_H_
