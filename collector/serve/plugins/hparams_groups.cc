#include "collector/serve/plugins/hparams_groups.h"

#include <algorithm>
#include <cmath>
#include <compare>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "collector/serve/plugins/pattern.h"
#include "collector/serve/plugins/scalars.h"
#include "collector/serve/plugins/series_listing.h"
#include "common/status_macros.h"

namespace tributary::serve {
namespace {

using google::protobuf::Value;
using tensorboard::hparams::ColParams;
using tensorboard::hparams::ListSessionGroupsRequest;
using tensorboard::hparams::ListSessionGroupsResponse;
using tensorboard::hparams::MetricInfo;
using tensorboard::hparams::MetricName;
using tensorboard::hparams::MetricValue;
using tensorboard::hparams::Session;
using tensorboard::hparams::SessionGroup;

using Groups = std::vector<SessionGroup>;
// nullopt where the group has no value.
using Cell = std::optional<Value>;

// The newest point of the metric; nullopt if the run has no such scalars.
std::optional<MetricValue> NewestPoint(const IndexReader& index, const std::string& session,
                                       const MetricName& name) {
  const RunName run = MetricRun(session, name.group());
  const Tag tag(name.tag());
  const absl::StatusOr<SeriesInfo> series = FindSeriesOf(index, kScalars, run, tag);
  if (!series.ok()) return std::nullopt;
  IndexReader::ScalarQuery query;
  query.points_max = 0;
  query.from_step = series->max_step.value();
  const absl::StatusOr<ScalarPoints> points = index.ReadScalars(run, tag, query);
  if (!points.ok() || points->steps.empty()) return std::nullopt;
  MetricValue value;
  *value.mutable_name() = name;
  value.set_value(points->values.back());
  // The message has no room for more.
  value.set_training_step(static_cast<int32_t>(
      std::clamp<int64_t>(points->steps.back(), std::numeric_limits<int32_t>::min(),
                          std::numeric_limits<int32_t>::max())));
  value.set_wall_time_secs(points->wall_times.back());
  return value;
}

const MetricValue* FindMetric(const google::protobuf::RepeatedPtrField<MetricValue>& values,
                              const MetricName& name) {
  const auto found = std::find_if(values.begin(), values.end(), [&name](const MetricValue& value) {
    return value.name().tag() == name.tag() && value.name().group() == name.group();
  });
  return found == values.end() ? nullptr : &*found;
}

// Each metric's mean over the sessions that have it.
void AverageMetrics(SessionGroup* group) {
  struct Sums {
    double value = 0;
    double wall_time = 0;
    int64_t step = 0;
    int64_t count = 0;
  };
  std::map<std::pair<std::string, std::string>, size_t> place;
  std::vector<std::pair<MetricName, Sums>> metrics;  // in the order of the sessions
  for (const Session& session : group->sessions()) {
    for (const MetricValue& value : session.metric_values()) {
      const auto [found, added] =
          place.emplace(std::pair(value.name().group(), value.name().tag()), metrics.size());
      if (added) metrics.emplace_back(value.name(), Sums{});
      Sums& sums = metrics[found->second].second;
      sums.value += value.value();
      sums.wall_time += value.wall_time_secs();
      sums.step += value.training_step();
      ++sums.count;
    }
  }
  for (const auto& [name, sums] : metrics) {
    MetricValue* value = group->add_metric_values();
    *value->mutable_name() = name;
    value->set_value(sums.value / static_cast<double>(sums.count));
    value->set_wall_time_secs(sums.wall_time / static_cast<double>(sums.count));
    const bool rounds_up = sums.step % sums.count < 0;
    value->set_training_step(static_cast<int32_t>(sums.step / sums.count - (rounds_up ? 1 : 0)));
  }
}

// The metrics of the session whose `by` is the median, smallest or largest one; none if no session
// has it. NaN counts as larger than all.
void ChooseMetrics(tensorboard::hparams::AggregationType type, const MetricName& by,
                   SessionGroup* group) {
  std::vector<std::pair<double, const Session*>> candidates;
  for (const Session& session : group->sessions()) {
    if (const MetricValue* value = FindMetric(session.metric_values(), by)) {
      candidates.emplace_back(value->value(), &session);
    }
  }
  if (candidates.empty()) return;
  const auto less = [](const auto& left, const auto& right) {
    if (std::isnan(left.first) || std::isnan(right.first)) {
      return !std::isnan(left.first) && std::isnan(right.first);
    }
    return left.first < right.first;
  };
  const Session* chosen = nullptr;
  if (type == tensorboard::hparams::AGGREGATION_MEDIAN) {
    std::sort(candidates.begin(), candidates.end(), [&less](const auto& left, const auto& right) {
      if (less(left, right) || less(right, left)) return less(left, right);
      return left.second->name() < right.second->name();
    });
    chosen = candidates[(candidates.size() - 1) / 2].second;
  } else if (type == tensorboard::hparams::AGGREGATION_MIN) {
    chosen = std::min_element(candidates.begin(), candidates.end(), less)->second;
  } else {
    // The first of equal ones.
    chosen = std::max_element(candidates.begin(), candidates.end(), less)->second;
  }
  *group->mutable_metric_values() = chosen->metric_values();
}

absl::Status Aggregate(const ListSessionGroupsRequest& request, SessionGroup* group) {
  switch (request.aggregation_type()) {
    case tensorboard::hparams::AGGREGATION_UNSET:
    case tensorboard::hparams::AGGREGATION_AVG:
      AverageMetrics(group);
      return absl::OkStatus();
    case tensorboard::hparams::AGGREGATION_MEDIAN:
    case tensorboard::hparams::AGGREGATION_MIN:
    case tensorboard::hparams::AGGREGATION_MAX:
      ChooseMetrics(request.aggregation_type(), request.aggregation_metric(), group);
      return absl::OkStatus();
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("unknown aggregation type ", static_cast<int>(request.aggregation_type())));
  }
}

Session BuildSession(const std::string& name, const HparamsSession& content,
                     const std::vector<MetricName>& metrics, const IndexReader& index) {
  Session session;
  session.set_name(name);
  session.set_start_time_secs(content.start.start_time_secs());
  session.set_model_uri(content.start.model_uri());
  session.set_monitor_url(content.start.monitor_url());
  if (content.end.has_value()) {
    session.set_status(content.end->status());
    session.set_end_time_secs(content.end->end_time_secs());
  }
  for (const MetricName& metric : metrics) {
    if (std::optional<MetricValue> value = NewestPoint(index, name, metric)) {
      *session.add_metric_values() = *std::move(value);
    }
  }
  return session;
}

// By name; their sessions by name too.
absl::StatusOr<Groups> BuildGroups(const HparamsContent& content, const IndexReader& index,
                                   const ListSessionGroupsRequest& request) {
  const bool with_metrics = !request.has_include_metrics() || request.include_metrics();
  std::vector<MetricName> metrics;
  const tensorboard::hparams::Experiment experiment =
      DescribeExperiment(content, index, with_metrics);
  for (const MetricInfo& info : experiment.metric_infos()) metrics.push_back(info.name());
  const std::set<int> statuses(request.allowed_statuses().begin(),
                               request.allowed_statuses().end());
  std::map<std::string, SessionGroup> by_name;
  for (const auto& [run, session_content] : content.sessions) {
    const int status = session_content.end.has_value() ? session_content.end->status() : 0;
    if (!statuses.contains(status)) continue;
    const tensorboard::hparams::SessionStartInfo& start = session_content.start;
    const std::string& name = start.group_name().empty() ? run : start.group_name();
    const auto [group, added] = by_name.try_emplace(name);
    if (added) {
      group->second.set_name(name);
      group->second.set_monitor_url(start.monitor_url());
      for (const auto& [hparam, value] : start.hparams()) {
        const bool printable =
            value.kind_case() != Value::kNumberValue || std::isfinite(value.number_value());
        if (printable) (*group->second.mutable_hparams())[hparam] = value;
      }
    }
    *group->second.add_sessions() = BuildSession(run, session_content, metrics, index);
  }
  Groups groups;
  groups.reserve(by_name.size());
  for (auto& [name, group] : by_name) {
    RETURN_IF_ERROR(Aggregate(request, &group));
    groups.push_back(std::move(group));
  }
  return groups;
}

// A value of a kind that no hyperparameter has counts as missing.
Cell CellOf(const SessionGroup& group, const ColParams& column) {
  if (column.has_metric()) {
    const MetricValue* metric = FindMetric(group.metric_values(), column.metric());
    if (metric == nullptr) return std::nullopt;
    Value value;
    value.set_number_value(metric->value());
    return value;
  }
  const auto found = group.hparams().find(column.hparam());
  if (found == group.hparams().end()) return std::nullopt;
  switch (found->second.kind_case()) {
    case Value::kNumberValue:
    case Value::kStringValue:
    case Value::kBoolValue:
      return found->second;
    default:
      return std::nullopt;
  }
}

// As Python counts: true is 1. nullopt for what is neither number nor bool.
std::optional<double> AsNumber(const Value& value) {
  if (value.kind_case() == Value::kBoolValue) return value.bool_value() ? 1 : 0;
  if (value.kind_case() == Value::kNumberValue) return value.number_value();
  return std::nullopt;
}

bool Equal(const Value& left, const Value& right) {
  const std::optional<double> left_number = AsNumber(left);
  const std::optional<double> right_number = AsNumber(right);
  if (left_number.has_value() && right_number.has_value()) return *left_number == *right_number;
  return left.kind_case() == Value::kStringValue && right.kind_case() == Value::kStringValue &&
         left.string_value() == right.string_value();
}

// A total order: numbers, then NaN, then texts.
bool Less(const Value& left, const Value& right) {
  const std::optional<double> left_number = AsNumber(left);
  const std::optional<double> right_number = AsNumber(right);
  if (!left_number.has_value() || !right_number.has_value()) {
    if (left_number.has_value() != right_number.has_value()) return left_number.has_value();
    return left.string_value() < right.string_value();
  }
  if (std::isnan(*left_number) || std::isnan(*right_number)) {
    return !std::isnan(*left_number) && std::isnan(*right_number);
  }
  return *left_number < *right_number;
}

using Filter = std::function<absl::StatusOr<bool>(const Value&)>;

absl::StatusOr<Filter> FilterOf(const ColParams& column) {
  switch (column.filter_case()) {
    case ColParams::kFilterRegexp: {
      ASSIGN_OR_RETURN(Pattern pattern, Pattern::Compile(column.filter_regexp()));
      return [pattern = std::move(pattern)](const Value& value) -> absl::StatusOr<bool> {
        if (value.kind_case() != Value::kStringValue) {
          return absl::InvalidArgumentError("a regular expression filters texts only");
        }
        return pattern.Search(value.string_value());
      };
    }
    case ColParams::kFilterInterval:
      return [&column](const Value& value) -> absl::StatusOr<bool> {
        const std::optional<double> number = AsNumber(value);
        if (!number.has_value()) {
          return absl::InvalidArgumentError("an interval filters numbers only");
        }
        return column.filter_interval().min_value() <= *number &&
               *number <= column.filter_interval().max_value();
      };
    case ColParams::kFilterDiscrete:
      return [&column](const Value& value) -> absl::StatusOr<bool> {
        const auto& allowed = column.filter_discrete().values();
        return std::any_of(allowed.begin(), allowed.end(),
                           [&value](const Value& one) { return Equal(value, one); });
      };
    default:
      return [](const Value&) -> absl::StatusOr<bool> { return true; };
  }
}

absl::StatusOr<Groups> FilterGroups(Groups groups, const ListSessionGroupsRequest& request) {
  for (const ColParams& column : request.col_params()) {
    ASSIGN_OR_RETURN(const Filter passes, FilterOf(column));
    Groups kept;
    for (SessionGroup& group : groups) {
      bool keep = !column.exclude_missing_values();
      if (const Cell cell = CellOf(group, column)) {
        ASSIGN_OR_RETURN(keep, passes(*cell));
      }
      if (keep) kept.push_back(std::move(group));
    }
    groups = std::move(kept);
  }
  return groups;
}

// Missing values are at one end, whatever the direction.
bool Precedes(const Cell& left, const Cell& right, bool ascending, bool missing_first) {
  if (!left.has_value() || !right.has_value()) {
    return left.has_value() != right.has_value() && left.has_value() != missing_first;
  }
  return ascending ? Less(*left, *right) : Less(*right, *left);
}

// By one column after the other, the last one first: each sort keeps the order of equals.
void SortGroups(const ListSessionGroupsRequest& request, Groups* groups) {
  for (int i = request.col_params_size() - 1; i >= 0; --i) {
    const ColParams& column = request.col_params(i);
    if (column.order() == tensorboard::hparams::ORDER_UNSPECIFIED) continue;
    struct Row {
      Cell cell;
      size_t place;
    };
    std::vector<Row> rows;
    rows.reserve(groups->size());
    for (const SessionGroup& group : *groups) rows.push_back({CellOf(group, column), rows.size()});
    std::sort(rows.begin(), rows.end(), [&column](const Row& left, const Row& right) {
      const bool ascending = column.order() == tensorboard::hparams::ORDER_ASC;
      if (Precedes(left.cell, right.cell, ascending, column.missing_values_first())) return true;
      if (Precedes(right.cell, left.cell, ascending, column.missing_values_first())) return false;
      return left.place < right.place;
    });
    Groups sorted;
    sorted.reserve(rows.size());
    for (const Row& row : rows) sorted.push_back(std::move((*groups)[row.place]));
    *groups = std::move(sorted);
  }
}

// Once one column says whether it is wanted, only the named ones are.
void KeepWantedHparams(const ListSessionGroupsRequest& request, Groups* groups) {
  bool chosen = false;
  std::set<std::string> wanted;
  for (const ColParams& column : request.col_params()) {
    chosen = chosen || column.has_include_in_result();
    if (!column.has_include_in_result() || column.include_in_result()) {
      if (!column.hparam().empty()) wanted.insert(column.hparam());
    }
  }
  if (!chosen) return;
  for (SessionGroup& group : *groups) {
    auto* hparams = group.mutable_hparams();
    for (auto it = hparams->begin(); it != hparams->end();) {
      it = wanted.contains(it->first) ? std::next(it) : hparams->erase(it);
    }
  }
}

absl::Status Check(const ListSessionGroupsRequest& request) {
  for (const ColParams& column : request.col_params()) {
    if (column.name_case() == ColParams::NAME_NOT_SET) {
      return absl::InvalidArgumentError("a column names neither metric nor hparam");
    }
    if (!tensorboard::hparams::SortOrder_IsValid(column.order())) {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown order ", static_cast<int>(column.order())));
    }
  }
  return absl::OkStatus();
}

// As Python slices: what is negative counts from the end.
size_t SliceEnd(int64_t place, size_t size) {
  const auto length = static_cast<int64_t>(size);
  return static_cast<size_t>(std::clamp<int64_t>(place < 0 ? place + length : place, 0, length));
}

}  // namespace

absl::StatusOr<ListSessionGroupsResponse> ListSessionGroups(
    const HparamsContent& content, const IndexReader& index,
    const ListSessionGroupsRequest& request) {
  RETURN_IF_ERROR(Check(request));
  ASSIGN_OR_RETURN(Groups groups, BuildGroups(content, index, request));
  ASSIGN_OR_RETURN(groups, FilterGroups(std::move(groups), request));
  SortGroups(request, &groups);
  KeepWantedHparams(request, &groups);
  ListSessionGroupsResponse response;
  response.set_total_size(static_cast<int32_t>(groups.size()));
  const int64_t start = request.start_index();
  const size_t end = SliceEnd(start + request.slice_size(), groups.size());
  for (size_t i = SliceEnd(start, groups.size()); i < end; ++i) {
    *response.add_session_groups() = std::move(groups[i]);
  }
  return response;
}

}  // namespace tributary::serve
