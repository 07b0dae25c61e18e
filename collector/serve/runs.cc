#include "collector/serve/runs.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "collector/serve/answers.h"
#include "collector/serve/json_value.h"
#include "collector/serve/json_writer.h"
#include "common/status_macros.h"

namespace tributary::serve {
namespace {

constexpr int64_t kRunsMax = 10'000;
constexpr int64_t kRunsDefault = 1'000;
constexpr int64_t kAuditMax = 1'000;
constexpr int64_t kAuditDefault = 100;

void WriteText(absl::string_view key, absl::string_view value, JsonWriter* writer) {
  writer->Key(key);
  writer->String(value);
}

void WriteRun(const RunOverview& run, const RunDecisions& decisions, JsonWriter* writer) {
  writer->BeginObject();
  WriteText("run", run.name.value(), writer);
  writer->Key("stored_as");
  writer->BeginArray();
  for (const RunName& source : run.sources) writer->String(source.value());
  writer->EndArray();
  writer->Key("hidden");
  writer->Bool(run.hidden);
  writer->Key("merged");
  writer->Bool(run.merged);
  const std::optional<bool> decided = decisions.StateOf(run.name.value()).merge;
  writer->Key("merge_decided");
  if (decided.has_value()) {
    writer->Bool(*decided);
  } else {
    writer->Null();
  }
  writer->Key("shown");
  writer->Uint(run.shown);
  writer->Key("files");
  writer->Uint(run.files);
  writer->Key("start_time");
  writer->Double(run.start_time);
  writer->Key("newest_time");
  writer->Double(run.newest_time);
  writer->EndObject();
}

void WriteAudit(const AuditEntry& entry, JsonWriter* writer) {
  writer->BeginObject();
  writer->Key("number");
  writer->Uint(entry.number);
  writer->Key("at");
  writer->Double(absl::ToDoubleSeconds(entry.at - absl::UnixEpoch()));
  WriteText("who", entry.who, writer);
  WriteText("action", entry.action, writer);
  WriteText("run", entry.run, writer);
  WriteText("from", entry.from, writer);
  WriteText("to", entry.to, writer);
  writer->EndObject();
}

bool IsDecided(const RunOverview& run, const RunDecisions& decisions) {
  return decisions.StateOf(run.name.value()) != RunState() ||
         std::any_of(run.sources.begin(), run.sources.end(),
                     [&run](const RunName& source) { return source != run.name; });
}

absl::StatusOr<RunDecision> ParseDecision(const std::string& body) {
  ASSIGN_OR_RETURN(const JsonValue json, ParseJson(body));
  if (json.kind != JsonValue::Kind::kObject) {
    return absl::InvalidArgumentError("the body must be a JSON object");
  }
  RunDecision decision;
  std::optional<std::string> run, action, to;
  for (size_t i = 0; i < json.keys.size(); ++i) {
    const std::string& key = json.keys[i];
    std::optional<std::string>* const field = key == "run"      ? &run
                                              : key == "action" ? &action
                                              : key == "to"     ? &to
                                                                : nullptr;
    if (field == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", key.substr(0, 80), "\" is none of run, action, to"));
    }
    if (json.values[i].kind != JsonValue::Kind::kString) {
      return absl::InvalidArgumentError(absl::StrCat("\"", key, "\" must be a string"));
    }
    *field = json.values[i].text;
  }
  if (!run.has_value()) return absl::InvalidArgumentError("the body names no \"run\"");
  if (!action.has_value()) return absl::InvalidArgumentError("the body names no \"action\"");
  const std::optional<RunAction> known = ParseRunAction(*action);
  if (!known.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"action\" is \"", action->substr(0, 80),
                     "\", it must be rename, hide, show, merge or split"));
  }
  if ((*known == RunAction::kRename) != to.has_value()) {
    return absl::InvalidArgumentError(to.has_value() ? "\"to\" belongs to rename only"
                                                     : "rename needs the new name in \"to\"");
  }
  decision.run = *std::move(run);
  decision.action = *known;
  decision.to = to.value_or("");
  return decision;
}

bool IsJson(const http::Request& request) {
  const absl::string_view type = request.Header("content-type");
  return absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(type.substr(0, type.find(';'))),
                                "application/json");
}

http::Response UnsupportedType() {
  http::Response response;
  response.status = 415;
  response.body = "Unsupported media type: send Content-Type: application/json";
  ForbidReuse(&response);
  return response;
}

}  // namespace

http::Response RunsRoute::Answer(const http::Request& request) const {
  if (request.method == "GET" || request.method == "HEAD") return List(request);
  if (request.method == "POST") return Decide(request);
  return MethodNotAllowed("GET, HEAD, POST");
}

http::Response RunsRoute::List(const http::Request& request) const {
  const absl::StatusOr<int64_t> limit =
      BoundedParameter(request, "limit", {1, kRunsMax, kRunsDefault});
  if (!limit.ok()) return ErrorAnswer(limit.status());
  const absl::StatusOr<int64_t> audit_limit =
      BoundedParameter(request, "audit_limit", {0, kAuditMax, kAuditDefault});
  if (!audit_limit.ok()) return ErrorAnswer(audit_limit.status());
  const absl::StatusOr<int64_t> audit_before =
      BoundedParameter(request, "audit_before", {1, INT64_MAX, INT64_MAX});
  if (!audit_before.ok()) return ErrorAnswer(audit_before.status());
  const absl::string_view decided = request.QueryValue("decided").value_or("");
  if (!decided.empty() && decided != "true" && decided != "false") {
    return ErrorAnswer(absl::InvalidArgumentError(
        absl::StrCat("\"decided\" is \"", decided.substr(0, 80), "\", it must be true or false")));
  }
  const std::string after(request.QueryValue("after").value_or(""));
  const std::string below(request.QueryValue("below").value_or(""));
  const std::shared_ptr<const RunDecisions> decisions = access_.board->Get();
  JsonWriter writer;
  writer.BeginObject();
  writer.Key("runs");
  writer.BeginArray();
  int64_t left = *limit;
  std::string last;
  bool more = false;
  for (const RunOverview& run : index_->Overview(below)) {
    if (run.name.value() <= after || (decided == "true" && !IsDecided(run, *decisions))) continue;
    more = left-- == 0;
    if (more) break;
    WriteRun(run, *decisions, &writer);
    last = run.name.value();
  }
  writer.EndArray();
  if (more) WriteText("next", last, &writer);
  writer.Key("audit");
  writer.BeginArray();
  std::vector<AuditEntry> audit;
  if (access_.audit != nullptr && *audit_limit > 0) {
    audit = access_.audit->Newest(static_cast<uint64_t>(*audit_before),
                                  static_cast<size_t>(*audit_limit) + 1);
  }
  const bool more_audit = audit.size() > static_cast<size_t>(*audit_limit);
  if (more_audit) audit.pop_back();
  for (const AuditEntry& entry : audit) WriteAudit(entry, &writer);
  writer.EndArray();
  if (more_audit) {
    writer.Key("audit_next");
    writer.Uint(audit.back().number);
  }
  writer.EndObject();
  return JsonAnswer(&writer);
}

absl::Status RunsRoute::CheckKnown(const RunDecisions& decisions, const std::string& run) const {
  if (index_->Has(RunName(run)) || decisions.states().contains(run)) return absl::OkStatus();
  if (run != "." && !index_->SourceNames(RunName(run)).empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"run\" is a part of a run, what one of its writers wrote or a restart "
                     "dropped; decide about the whole run: \"",
                     run, "\""));
  }
  // While the store is loaded nobody knows what there is.
  RETURN_IF_ERROR(ready_());
  return absl::NotFoundError(absl::StrCat("there is no run \"", run.substr(0, 200), "\""));
}

http::Response RunsRoute::Decide(const http::Request& request) const {
  const absl::Status same_origin = CheckSameOrigin(request, path_prefix_, *hosts_);
  if (!same_origin.ok()) return ErrorAnswer(same_origin);
  if (!IsJson(request)) return UnsupportedType();
  absl::StatusOr<RunDecision> decision = ParseDecision(request.body);
  if (!decision.ok()) return ErrorAnswer(decision.status());
  if (access_.decide == nullptr) {
    return ErrorAnswer(absl::FailedPreconditionError(
        "decisions about runs are kept in a store: start the collector with --data DIR"));
  }
  const absl::Status known = CheckKnown(*access_.board->Get(), decision->run);
  if (!known.ok()) return ErrorAnswer(known);
  decision->to_exists = index_->Has(RunName(decision->to));
  const absl::StatusOr<RunDecisionLog::Outcome> outcome = access_.decide(*decision, request.peer);
  if (!outcome.ok()) return ErrorAnswer(outcome.status());
  JsonWriter writer;
  writer.BeginObject();
  WriteText("run", outcome->shown_as, &writer);
  writer.Key("changed");
  writer.Bool(outcome->changed);
  writer.EndObject();
  return JsonAnswer(&writer);
}

}  // namespace tributary::serve
