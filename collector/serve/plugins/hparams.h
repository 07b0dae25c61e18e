// The two HParams routes that the page asks at every load, whether there are hyperparameters or
// not.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_HPARAMS_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_HPARAMS_H_

#include "collector/index/index.h"
#include "collector/serve/router.h"
#include "common/http/message.h"

namespace tributary::serve {

// Answers as a TensorBoard without hyperparameters does: the dashboard is not served and not
// listed. Where event files hold some, the experiment's description says so.
//
// Thread-safe. Its routes live as long as it does.
class HparamsPlugin {
 public:
  // `index` must outlive this.
  explicit HparamsPlugin(const Index* index) : index_(index) {}

  void AddRoutes(Router* router) const;

 private:
  http::Response Experiment(const http::Request& request) const;
  http::Response SessionGroups(const http::Request& request) const;

  const Index* const index_;
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_HPARAMS_H_
