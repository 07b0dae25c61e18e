// Groups of sessions: built, filtered, sorted, as one request of the dashboard wants them.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_HPARAMS_GROUPS_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_HPARAMS_GROUPS_H_

#include "absl/status/statusor.h"
#include "collector/index/index_reader.h"
#include "collector/serve/plugins/hparams_content.h"
#include "tensorboard/hparams/api.pb.h"

namespace tributary::serve {

// InvalidArgument for a request that cannot be answered: a column without a name, an unknown order
// or aggregation, an expression that does not compile, a filter that does not fit the values.
absl::StatusOr<tensorboard::hparams::ListSessionGroupsResponse> ListSessionGroups(
    const HparamsContent& content, const IndexReader& index,
    const tensorboard::hparams::ListSessionGroupsRequest& request);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_HPARAMS_GROUPS_H_
