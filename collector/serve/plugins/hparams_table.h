// The table of the HParams dashboard as a file.
#ifndef TRIBUTARY_COLLECTOR_SERVE_PLUGINS_HPARAMS_TABLE_H_
#define TRIBUTARY_COLLECTOR_SERVE_PLUGINS_HPARAMS_TABLE_H_

#include <string>
#include <variant>
#include <vector>

#include "tensorboard/hparams/api.pb.h"

namespace tributary::serve {

// One row per group; one column per hyperparameter, then one per metric.
struct HparamsTable {
  // monostate: the group has no such metric.
  using Cell = std::variant<std::monostate, bool, double, std::string>;
  std::vector<std::string> header;
  std::vector<std::vector<Cell>> rows;
};

// With the columns whose place in `visible` is true; those behind its end are left out.
HparamsTable MakeHparamsTable(const tensorboard::hparams::Experiment& experiment,
                              const tensorboard::hparams::ListSessionGroupsResponse& groups,
                              const std::vector<bool>& visible);

std::string HparamsJson(const HparamsTable& table);
std::string HparamsCsv(const HparamsTable& table);
std::string HparamsLatex(const HparamsTable& table);

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_PLUGINS_HPARAMS_TABLE_H_
