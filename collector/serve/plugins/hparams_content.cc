#include "collector/serve/plugins/hparams_content.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "collector/serve/plugins/csv.h"
#include "collector/serve/plugins/scalars.h"
#include "collector/serve/plugins/series_listing.h"

namespace tributary::serve {
namespace {

using google::protobuf::Value;
using tensorboard::hparams::DataType;
using tensorboard::hparams::Experiment;
using tensorboard::hparams::HParamInfo;
using tensorboard::hparams::HParamsPluginData;

// DATA_TYPE_UNSET for values of a kind that hyperparameters do not have.
DataType TypeOf(const Value& value) {
  switch (value.kind_case()) {
    case Value::kNumberValue:
      return tensorboard::hparams::DATA_TYPE_FLOAT64;
    case Value::kStringValue:
      return tensorboard::hparams::DATA_TYPE_STRING;
    case Value::kBoolValue:
      return tensorboard::hparams::DATA_TYPE_BOOL;
    default:
      return tensorboard::hparams::DATA_TYPE_UNSET;
  }
}

// The one type that holds all values; text if they are of several kinds.
DataType CommonType(const std::vector<const Value*>& values) {
  DataType common = tensorboard::hparams::DATA_TYPE_UNSET;
  for (const Value* value : values) {
    const DataType type = TypeOf(*value);
    if (type == tensorboard::hparams::DATA_TYPE_UNSET) continue;
    if (common == tensorboard::hparams::DATA_TYPE_UNSET) common = type;
    if (common != type) return tensorboard::hparams::DATA_TYPE_STRING;
  }
  return common;
}

// nullopt for what has no text in JSON.
std::optional<std::string> AsText(const Value& value) {
  switch (value.kind_case()) {
    case Value::kNumberValue:
      if (!std::isfinite(value.number_value())) return std::nullopt;
      return CsvNumber(value.number_value());
    case Value::kStringValue:
      return value.string_value();
    case Value::kBoolValue:
      return value.bool_value() ? "true" : "false";
    default:
      return std::nullopt;
  }
}

void DescribeNumbers(const std::vector<const Value*>& values, HParamInfo* info) {
  std::set<double> distinct;
  bool has_nan = false;
  for (const Value* value : values) {
    if (std::isnan(value->number_value())) {
      has_nan = true;
    } else {
      distinct.insert(value->number_value());
    }
  }
  const bool none = distinct.empty();
  info->mutable_domain_interval()->set_min_value(none ? std::nan("") : *distinct.begin());
  info->mutable_domain_interval()->set_max_value(none ? std::nan("") : *distinct.rbegin());
  info->set_differs(distinct.size() + (has_nan ? 1 : 0) > 1);
}

// False if no value says what it is.
bool DescribeHparam(const std::string& name, const std::vector<const Value*>& values,
                    HParamInfo* info) {
  info->set_name(name);
  info->set_type(CommonType(values));
  switch (info->type()) {
    case tensorboard::hparams::DATA_TYPE_FLOAT64:
      DescribeNumbers(values, info);
      return true;
    case tensorboard::hparams::DATA_TYPE_BOOL: {
      std::set<bool> distinct;
      for (const Value* value : values) distinct.insert(value->bool_value());
      for (const bool value : distinct) {
        info->mutable_domain_discrete()->add_values()->set_bool_value(value);
      }
      info->set_differs(distinct.size() > 1);
      return true;
    }
    case tensorboard::hparams::DATA_TYPE_STRING: {
      std::set<std::string> distinct;
      for (const Value* value : values) {
        if (std::optional<std::string> text = AsText(*value)) distinct.insert(*std::move(text));
      }
      info->mutable_domain_discrete();
      for (const std::string& value : distinct) {
        info->mutable_domain_discrete()->add_values()->set_string_value(value);
      }
      info->set_differs(distinct.size() > 1);
      return true;
    }
    default:
      return false;
  }
}

// The longest session at or above the run; nullopt if there is none.
std::optional<std::string> SessionAbove(const std::map<std::string, HparamsSession>& sessions,
                                        std::string run) {
  while (!sessions.contains(run)) {
    const size_t slash = run.rfind('/');
    if (slash == std::string::npos) return std::nullopt;
    run.resize(slash);
  }
  return run;
}

// As TensorBoard names it, which for a run whose name ends with a dot is a group of no run.
std::string GroupOf(const std::string& session, const std::string& run) {
  if (run != session) return run.substr(session.size() + 1);
  return absl::EndsWith(run, ".") ? "." : "";
}

void AddMetrics(const HparamsContent& content, const IndexReader& index, Experiment* experiment) {
  std::set<std::pair<std::string, std::string>> names;  // (tag, group)
  SeriesFilter filter;
  filter.plugin_name = kScalars;
  for (const SeriesInfo& series : SeriesOf(index, filter)) {
    const std::optional<std::string> session = SessionAbove(content.sessions, series.run.value());
    if (session.has_value()) {
      names.emplace(series.tag.value(), GroupOf(*session, series.run.value()));
    }
  }
  for (const auto& [tag, group] : names) {
    auto* name = experiment->add_metric_infos()->mutable_name();
    name->set_tag(tag);
    name->set_group(group);
  }
}

// JSON has no text for the numbers that are none.
void DropUnprintable(google::protobuf::ListValue* values) {
  auto* list = values->mutable_values();
  list->erase(std::remove_if(list->begin(), list->end(),
                             [](const Value& value) {
                               return value.kind_case() == Value::kNumberValue &&
                                      !std::isfinite(value.number_value());
                             }),
              list->end());
}

void SortHparams(Experiment* experiment) {
  auto* infos = experiment->mutable_hparam_infos();
  std::sort(infos->pointer_begin(), infos->pointer_end(),
            [](const HParamInfo* left, const HParamInfo* right) {
              if (left->differs() != right->differs()) return left->differs();
              return left->name() < right->name();
            });
}

}  // namespace

HparamsContent ReadHparams(const IndexReader& index) {
  HparamsContent content;
  std::map<std::string, tensorboard::hparams::SessionEndInfo> ends;
  SeriesFilter filter;
  filter.plugin_name = "hparams";
  for (const SeriesInfo& series : SeriesOf(index, filter)) {
    HParamsPluginData data;
    if (!data.ParseFromString(series.metadata->plugin_content) || data.version() != 0) continue;
    const std::string& tag = series.tag.value();
    if (tag == "_hparams_/experiment" && data.has_experiment()) {
      if (!content.experiment.has_value()) content.experiment = data.experiment();
    } else if (tag == "_hparams_/session_start_info" && data.has_session_start_info()) {
      content.sessions[series.run.value()].start = data.session_start_info();
    } else if (tag == "_hparams_/session_end_info" && data.has_session_end_info()) {
      ends[series.run.value()] = data.session_end_info();
    }
  }
  for (auto& [run, end] : ends) {
    const auto session = content.sessions.find(run);
    if (session != content.sessions.end()) session->second.end = std::move(end);
  }
  return content;
}

Experiment DescribeExperiment(const HparamsContent& content, const IndexReader& index,
                              bool with_metrics) {
  Experiment experiment;
  if (content.experiment.has_value()) {
    experiment = *content.experiment;
    if (!with_metrics) experiment.clear_metric_infos();
    for (HParamInfo& info : *experiment.mutable_hparam_infos()) {
      if (info.has_domain_discrete()) DropUnprintable(info.mutable_domain_discrete());
    }
  } else {
    std::map<std::string, std::vector<const Value*>> values;
    for (const auto& [run, session] : content.sessions) {
      for (const auto& [name, value] : session.start.hparams()) values[name].push_back(&value);
    }
    for (const auto& [name, of_sessions] : values) {
      HParamInfo info;
      if (DescribeHparam(name, of_sessions, &info)) *experiment.add_hparam_infos() = info;
    }
    if (with_metrics && experiment.hparam_infos_size() > 0) {
      AddMetrics(content, index, &experiment);
    }
  }
  SortHparams(&experiment);
  return experiment;
}

RunName MetricRun(const std::string& session, const std::string& group) {
  if (absl::StartsWith(group, "/")) return RunName(std::string(absl::StripSuffix(group, "/")));
  const bool joined = session.empty() || absl::EndsWith(session, "/");
  return RunName(
      std::string(absl::StripSuffix(absl::StrCat(session, joined ? "" : "/", group), "/")));
}

}  // namespace tributary::serve
