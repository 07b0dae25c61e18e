// The hyperparameters that event files hold, and the experiment that they make.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_HPARAMS_CONTENT_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_HPARAMS_CONTENT_H_

#include <map>
#include <optional>
#include <string>

#include "collector/index/index_reader.h"
#include "tensorboard/hparams/api.pb.h"
#include "tensorboard/hparams/plugin_data.pb.h"

namespace tributary::serve {

// A run in which a session was started. Its run is its name.
struct HparamsSession {
  tensorboard::hparams::SessionStartInfo start;
  std::optional<tensorboard::hparams::SessionEndInfo> end;
};

struct HparamsContent {
  // As a writer described it; of the first run that has one.
  std::optional<tensorboard::hparams::Experiment> experiment;
  std::map<std::string, HparamsSession> sessions;  // by run
};

// Reads the metadata of the series of plugin "hparams". Content of an unknown version, or that is
// not what its tag says, counts as absent.
HparamsContent ReadHparams(const IndexReader& index);

// The writer's own description of the experiment, or else one made of the sessions' values and,
// with `with_metrics`, of the scalars at and below the sessions' runs. Hyperparameters are sorted:
// those that differ first, then by name.
tensorboard::hparams::Experiment DescribeExperiment(const HparamsContent& content,
                                                    const IndexReader& index, bool with_metrics);

// Where a metric of a session is: the run `group` below the session's.
RunName MetricRun(const std::string& session, const std::string& group);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_HPARAMS_CONTENT_H_
