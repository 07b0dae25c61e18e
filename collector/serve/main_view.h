// The runs that are shown first: those with the newest data, as many as a page can bear.
#ifndef TRIBUTARY_COLLECTOR_SERVE_MAIN_VIEW_H_
#define TRIBUTARY_COLLECTOR_SERVE_MAIN_VIEW_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "collector/index/index.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mutex.h"

namespace tributary::serve {

// What is listed does not change from one request of a page to the next: it is a snapshot, replaced
// when a run is new, at most once a minute otherwise. Choosing costs time that grows with all runs
// of the store, so it takes at most one part in 20 of one thread.
//
// Thread-safe: a request takes the snapshot that is there, and nobody waits for one that is being
// made, but for the first.
class MainView {
 public:
  struct Options {
    uint64_t runs_max = 0;  // 0: all
    // Where all runs are, for the log.
    std::string url_of_all;
  };
  struct Snapshot {
    uint64_t number = 0;  // different for each
    // Of all that is listed; 0 if nothing is ever left out.
    uint64_t runs_total = 0;
    uint64_t left_out = 0;
    // Null: all runs are listed.
    std::unique_ptr<const IndexReader> reader;
  };

  // All outlive this.
  MainView(const Options& options, const Index* index, Clock* clock, Logger* log)
      : options_(options), index_(index), clock_(clock), log_(log) {}

  // Never null.
  std::shared_ptr<const Snapshot> Get() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // What it was chosen from, and when it may be chosen anew.
  struct Basis {
    uint64_t version = 0;
    uint64_t runs_version = 0;
    absl::Duration at;
    absl::Duration not_before;
  };
  bool IsStale(const Basis& basis, absl::Duration now) const;
  std::shared_ptr<const Snapshot> Choose(uint64_t number) const;
  void Tell(const Snapshot& snapshot, absl::Duration now) ABSL_LOCKS_EXCLUDED(mu_);

  const Options options_;
  const Index* const index_;
  Clock* const clock_;
  Logger* const log_;

  Mutex mu_;
  CondVar chosen_;
  bool choosing_ ABSL_GUARDED_BY(mu_) = false;
  Basis basis_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<const Snapshot> snapshot_ ABSL_GUARDED_BY(mu_);
  absl::Duration told_at_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
};

}  // namespace tributary::serve

#endif  // TRIBUTARY_COLLECTOR_SERVE_MAIN_VIEW_H_
