// A page of the collector, by the way that the doctor walks.
#ifndef TRIBUTARY_AGENT_DOCTOR_PAGE_H_
#define TRIBUTARY_AGENT_DOCTOR_PAGE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "agent/doctor/layer.h"

namespace tributary::agent {

struct Page {
  std::string body;
  // The HOST:PORT that the collector takes for its own: the target as it was given, or its address
  // where that name is refused.
  std::string authority;
};

// GETs `path`, which begins with a slash and is encoded. Errors are one line for people:
//   - Unavailable: not reached, no answer of HTTP/1, or one that breaks off;
//   - NotFound: there is no such page;
//   - ResourceExhausted: more than `bytes_max` with its head;
//   - Internal: another answer than the page.
absl::StatusOr<Page> FetchPage(const Target& target, const Senses& senses, const std::string& path,
                               size_t bytes_max);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_DOCTOR_PAGE_H_
