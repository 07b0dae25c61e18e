#include "collector/serve/main_view.h"

#include <utility>
#include <vector>

namespace tributary::serve {
namespace {

constexpr absl::Duration kAge = absl::Seconds(60);
constexpr int kShare = 20;
constexpr absl::Duration kTellAgain = absl::Hours(1);

}  // namespace

bool MainView::IsStale(const Basis& basis, absl::Duration now) const {
  if (now < basis.not_before) return false;
  if (index_->runs_version() != basis.runs_version) return true;
  return now - basis.at >= kAge && index_->version() != basis.version;
}

std::shared_ptr<const MainView::Snapshot> MainView::Choose(uint64_t number) const {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->number = number;
  NewestRuns newest = index_->Newest(options_.runs_max);
  snapshot->runs_total = newest.total;
  snapshot->left_out = newest.total - newest.shown;
  if (snapshot->left_out > 0) {
    snapshot->reader =
        index_->Only(std::make_shared<const std::vector<RunName>>(std::move(newest.runs)));
  }
  return snapshot;
}

std::shared_ptr<const MainView::Snapshot> MainView::Get() {
  uint64_t number = 0;
  Basis basis;
  {
    MutexLock lock(&mu_);
    while (choosing_ && snapshot_ == nullptr) chosen_.Wait(&mu_);
    if (snapshot_ != nullptr) {
      if (options_.runs_max == 0 || choosing_ || !IsStale(basis_, clock_->Monotonic())) {
        return snapshot_;
      }
      number = snapshot_->number + 1;
    } else if (options_.runs_max == 0) {
      return snapshot_ = std::make_shared<Snapshot>();
    }
    choosing_ = true;
  }
  // Before the choice: what changes meanwhile makes another one.
  basis.version = index_->version();
  basis.runs_version = index_->runs_version();
  basis.at = clock_->Monotonic();
  std::shared_ptr<const Snapshot> snapshot = Choose(number);
  const absl::Duration now = clock_->Monotonic();
  basis.not_before = now + (now - basis.at) * kShare;
  Tell(*snapshot, now);
  MutexLock lock(&mu_);
  basis_ = basis;
  snapshot_ = snapshot;
  choosing_ = false;
  chosen_.SignalAll();
  return snapshot;
}

void MainView::Tell(const Snapshot& snapshot, absl::Duration now) {
  {
    MutexLock lock(&mu_);
    if (snapshot.left_out == 0) told_at_ = -absl::InfiniteDuration();
    if (snapshot.left_out == 0 || now - told_at_ < kTellAgain) return;
    told_at_ = now;
  }
  log_->Info("the page at / lists the runs with the newest data only",
             {{"runs", snapshot.runs_total - snapshot.left_out},
              {"of", snapshot.runs_total},
              {"all", options_.url_of_all}});
}

}  // namespace tributary::serve
