// Slurm's short form of lists of host names: "node[07-09,12],login1".
#ifndef TRIBUTARY_AGENT_SLURM_NODELIST_H_
#define TRIBUTARY_AGENT_SLURM_NODELIST_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tributary::agent {

inline constexpr size_t kNodelistNamesMax = 65'536;

// The names in the order of `scontrol show hostnames`: numbers keep the width of the lower end of
// their range, the last of several brackets counts fastest, repeated names stay. InvalidArgument
// for brackets that do not match, an empty or descending range, what is no number, and more than
// kNodelistNamesMax names.
absl::StatusOr<std::vector<std::string>> ExpandNodelist(absl::string_view nodelist);

// The place of the first of `names` that the list holds, from 0; nullopt if it holds none of them.
// Errors as above.
absl::StatusOr<std::optional<size_t>> PlaceInNodelist(absl::string_view nodelist,
                                                      const std::vector<std::string>& names);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_SLURM_NODELIST_H_
