// Where a person can open the collector's pages.
#ifndef TRIBUTARY_AGENT_DOCTOR_ADVICE_H_
#define TRIBUTARY_AGENT_DOCTOR_ADVICE_H_

#include <cstdint>
#include <string>

#include "agent/doctor/layer.h"

namespace tributary::agent {

struct Advice {
  // What works on this machine; empty if nothing does.
  std::string url;
  // The line that makes it work: on this machine without `url`, else on one that does not reach
  // it. Empty if none would.
  std::string ssh;
  // What to open then.
  std::string ssh_url;
  // Why the line has another number at its beginning; empty if it has not.
  std::string note;
};

// `answered` tells that the way was good to the collector's HTTP.
Advice WhereToOpen(const Target& target, const Senses& senses, const Evidence& evidence,
                   bool answered);

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_DOCTOR_ADVICE_H_
