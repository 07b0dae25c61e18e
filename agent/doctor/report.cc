#include "agent/doctor/report.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/text.h"

namespace tributary::agent {
namespace {

std::string TextOrNull(const std::string& text) { return text.empty() ? "null" : JsonString(text); }

// What is wrong, and what to do.
void AppendDiagnosis(const Finding& finding, absl::string_view verb, std::string* text) {
  absl::StrAppend(text, "\n", finding.layer, " ", verb, ": ", Printable(finding.found),
                  "\n  fix: ", Printable(finding.fix), "\n");
}

}  // namespace

const Finding* Report::failure() const {
  for (const Finding& finding : findings) {
    if (finding.state == LayerState::kFails) return &finding;
  }
  return nullptr;
}

absl::string_view StateName(LayerState state) {
  switch (state) {
    case LayerState::kOk:
      return "ok";
    case LayerState::kWarns:
      return "warns";
    case LayerState::kFails:
      return "fails";
    case LayerState::kNotTried:
      return "not_tried";
    case LayerState::kNotConfigured:
      return "not_configured";
  }
  return "";
}

std::string ReportText(const Report& report) {
  std::vector<std::vector<std::string>> rows;
  for (const Finding& finding : report.findings) {
    rows.push_back({finding.layer, absl::StrReplaceAll(StateName(finding.state), {{"_", " "}}),
                    finding.found});
  }
  std::string text = TextTable({"LAYER", "STATE", "FOUND"}, rows);
  for (const Finding& finding : report.findings) {
    if (finding.state == LayerState::kFails) AppendDiagnosis(finding, "fails", &text);
  }
  for (const Finding& finding : report.findings) {
    if (finding.state == LayerState::kWarns) AppendDiagnosis(finding, "warns", &text);
  }
  const Advice& advice = report.advice;
  if (!advice.url.empty()) absl::StrAppend(&text, "\nopen here: ", Printable(advice.url), "\n");
  if (!advice.ssh.empty()) {
    absl::StrAppend(&text, advice.url.empty() ? "\nthrough SSH from here: " : "from elsewhere: ",
                    Printable(advice.ssh), "   then ", Printable(advice.ssh_url), "\n");
  }
  if (!advice.note.empty()) absl::StrAppend(&text, "  (", Printable(advice.note), ")\n");
  return text;
}

std::string ReportJson(const Report& report) {
  std::string json = absl::StrCat("{\"collector\":", JsonString(report.collector), ",\"layers\":[");
  for (size_t i = 0; i < report.findings.size(); ++i) {
    const Finding& finding = report.findings[i];
    absl::StrAppend(&json, i == 0 ? "" : ",", "{\"layer\":", JsonString(finding.layer),
                    ",\"state\":\"", StateName(finding.state),
                    "\",\"found\":", JsonString(finding.found),
                    ",\"fix\":", TextOrNull(finding.fix), "}");
  }
  const Finding* const failure = report.failure();
  absl::StrAppend(&json, "],\"fails\":", TextOrNull(failure == nullptr ? "" : failure->layer),
                  ",\"url\":", TextOrNull(report.advice.url), ",\"ssh\":",
                  report.advice.ssh.empty()
                      ? "null"
                      : absl::StrCat("{\"command\":", JsonString(report.advice.ssh),
                                     ",\"url\":", JsonString(report.advice.ssh_url), "}"));
  return absl::StrCat(json, "}\n");
}

}  // namespace tributary::agent
