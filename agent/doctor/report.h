// The doctor's answer, for people and for machines.
#ifndef TRIBUTARY_AGENT_DOCTOR_REPORT_H_
#define TRIBUTARY_AGENT_DOCTOR_REPORT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "agent/doctor/advice.h"
#include "agent/doctor/finding.h"

namespace tributary::agent {

struct Report {
  std::string collector;  // as asked for
  std::vector<Finding> findings;
  Advice advice;

  // The first that fails; null if none does.
  const Finding* failure() const;
};

// "ok", "warns", "fails", "not_tried", "not_configured".
absl::string_view StateName(LayerState state);

// One line for each layer; then what fails and what warns with what to do, and where to look.
std::string ReportText(const Report& report);
// {"collector","layers":[{"layer","state","found","fix"}],"fails":"tcp"|null,"url":…|null,
// "ssh":{"command","url"}|null}
std::string ReportJson(const Report& report);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_DOCTOR_REPORT_H_
