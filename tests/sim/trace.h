// What happened in one simulation: the first thing that went wrong, and a fingerprint of the whole.
#ifndef TRIBUTARY_TESTS_SIM_TRACE_H_
#define TRIBUTARY_TESTS_SIM_TRACE_H_

#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/clock.h"

namespace tributary::sim {

// Not thread-safe. Shared by all parts of a world.
class Trace {
 public:
  // `print`: every note goes to standard error, with its virtual time.
  Trace(Clock* clock, bool print) : clock_(clock), print_(print) {}

  bool printing() const { return print_; }
  // Something happened. The pieces of the text go to absl::StrCat.
  template <typename... Pieces>
  void Note(absl::string_view what, const Pieces&... pieces) {
    Mix(what.size());
    if (!print_) return;
    Print(absl::StrCat(what, pieces...));
  }
  // A guarantee was broken. Only the first one counts.
  void Fail(std::string what) {
    if (print_) Print(absl::StrCat("FAILED: ", what));
    if (failure_.empty()) failure_ = std::move(what);
  }
  bool failed() const { return !failure_.empty(); }
  const std::string& failure() const { return failure_; }

  // Two runs of one seed have equal fingerprints, or the simulation is not deterministic.
  void Mix(uint64_t value) { fingerprint_ = (fingerprint_ ^ value) * 0x100000001b3u; }
  uint64_t fingerprint() const { return fingerprint_; }

 private:
  void Print(const std::string& line) {
    std::fprintf(stderr, "%12.6f  %s\n", absl::ToDoubleSeconds(clock_->Monotonic()), line.c_str());
  }

  Clock* const clock_;
  const bool print_;
  uint64_t fingerprint_ = 0xcbf29ce484222325u;
  std::string failure_;
};

}  // namespace tributary::sim

#endif  // TRIBUTARY_TESTS_SIM_TRACE_H_
