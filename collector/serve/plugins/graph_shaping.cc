#include "collector/serve/plugins/graph_shaping.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace tributary::serve {
namespace {

using tensorboard::GraphDef;
using tensorboard::NodeDef;

void Prepend(const std::string& prefix, std::string* name) { name->insert(0, prefix); }

void MoveInto(const std::string& name, GraphDef* graph, GraphDef* merged) {
  const std::string of_node = absl::StrCat(name, "/");
  const std::string of_function = absl::StrCat(name, "_");
  for (NodeDef& node : *graph->mutable_node()) {
    NodeDef* added = merged->add_node();
    *added = std::move(node);
    Prepend(of_node, added->mutable_name());
    for (std::string& input : *added->mutable_input()) Prepend(of_node, &input);
    if (added->op() == "PartitionedCall") {
      Prepend(of_function, (*added->mutable_attr())["f"].mutable_func()->mutable_name());
    }
  }
  for (auto& function : *graph->mutable_library()->mutable_function()) {
    auto* added = merged->mutable_library()->add_function();
    *added = std::move(function);
    Prepend(of_function, added->mutable_signature()->mutable_name());
  }
  for (auto& gradient : *graph->mutable_library()->mutable_gradient()) {
    auto* added = merged->mutable_library()->add_gradient();
    *added = std::move(gradient);
    Prepend(of_function, added->mutable_function_name());
    Prepend(of_function, added->mutable_gradient_func());
  }
}

}  // namespace

absl::StatusOr<GraphDef> MergeFunctionGraphs(tensorboard::RunMetadata* metadata) {
  auto* functions = metadata->mutable_function_graphs();
  GraphDef merged;
  if (functions->empty()) return merged;
  if (functions->size() == 1) return std::move(*functions->at(0).mutable_pre_optimization_graph());
  const tensorboard::VersionDef& versions = functions->at(0).pre_optimization_graph().versions();
  if (versions.producer() != 0) *merged.mutable_versions() = versions;
  int number = 0;
  for (auto& function : *functions) {
    GraphDef* graph = function.mutable_pre_optimization_graph();
    if (graph->versions().producer() != merged.versions().producer()) {
      return absl::InvalidArgumentError("the graphs have different versions");
    }
    MoveInto(absl::StrCat("graph_", ++number), graph, &merged);
  }
  return merged;
}

void DropLargeAttributes(uint64_t bytes_max, const std::string& large_attrs_key, GraphDef* graph) {
  for (NodeDef& node : *graph->mutable_node()) {
    std::vector<std::string> large;
    for (const auto& [key, value] : node.attr()) {
      if (value.ByteSizeLong() > bytes_max) large.push_back(key);
    }
    std::sort(large.begin(), large.end());
    for (const std::string& key : large) {
      node.mutable_attr()->erase(key);
      (*node.mutable_attr())[large_attrs_key].mutable_list()->add_s(key);
    }
  }
}

}  // namespace tributary::serve
