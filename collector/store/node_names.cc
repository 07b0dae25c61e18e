#include "collector/store/node_names.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace tributary {
namespace {

absl::Status CannotTellApart(absl::string_view name) {
  return absl::AlreadyExistsError(
      absl::StrCat("another live machine is node ", name,
                   " and the two cannot be told apart (same or no machine id): give --node"));
}

}  // namespace

absl::Status NodeNames::Load(Registry* registry) {
  ASSIGN_OR_RETURN(const std::vector<RegistryEntry> entries, registry->List(kNodePrefix));
  for (const RegistryEntry& entry : entries) {
    absl::StatusOr<NodeRow> row = ParseNodeRow(entry);
    if (row.ok()) rows_[entry.key.substr(sizeof(kNodePrefix) - 1)] = *std::move(row);
  }
  return absl::OkStatus();
}

absl::StatusOr<NodeNames::Choice> NodeNames::Choose(absl::string_view wanted,
                                                    const Machine& machine,
                                                    bool wanted_is_live_elsewhere) const {
  const auto choose = [&](absl::string_view name) {
    Choice choice{.name = std::string(name),
                  .changed = false,
                  .row = {std::string(wanted), machine.machine_id, machine.boot_id}};
    const auto present = rows_.find(name);
    choice.changed = present == rows_.end() || present->second.wanted != choice.row.wanted ||
                     present->second.machine_id != choice.row.machine_id ||
                     present->second.boot_id != choice.row.boot_id;
    return choice;
  };
  const auto holder = rows_.find(wanted);

  // The plain name first: nobody else is using it, so it is this machine that came back, or its
  // successor (a replaced pod, a requeued job).
  if (holder == rows_.end()) return choose(wanted);
  const bool is_holder =
      !machine.machine_id.empty() && holder->second.machine_id == machine.machine_id;
  if (!is_holder && !machine.machine_id.empty()) {
    // A number once given is kept, also while the plain name is free.
    for (const auto& [name, row] : rows_) {
      if (name != wanted && row.wanted == wanted && row.machine_id == machine.machine_id) {
        return choose(name);
      }
    }
  }
  if (!wanted_is_live_elsewhere) return choose(wanted);
  if (is_holder || machine.machine_id.empty()) return CannotTellApart(wanted);
  for (int n = 2;; ++n) {
    const std::string numbered = absl::StrCat(wanted, "~", n);
    if (!rows_.contains(numbered)) return choose(numbered);
  }
}

}  // namespace tributary
