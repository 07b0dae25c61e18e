#include "collector/space_watch.h"

#include "collector/store/space_guard.h"

namespace tributary {
namespace {

constexpr absl::Duration kPeriod = absl::Seconds(1);

}  // namespace

SpaceWatch::SpaceWatch(const Options& options, const Dependencies& dependencies)
    : options_(options),
      deps_(dependencies),
      free_bytes_(deps_.metrics->AddGauge("tributary_collector_store_free_bytes",
                                          "Free space of the store's file system.")),
      free_min_bytes_(
          deps_.metrics->AddGauge("tributary_collector_store_free_min_bytes",
                                  "Below this free space nothing is taken from agents.")) {}

void SpaceWatch::Start() {
  deps_.queue->Post([this] { Look(); });
}

std::optional<ingest::v1::StoreSpace> SpaceWatch::Get() const {
  MutexLock lock(&mu_);
  return space_;
}

void SpaceWatch::Look() {
  std::optional<ingest::v1::StoreSpace> space;
  if (const auto found = deps_.files->FreeSpace(options_.data_dir); found.ok()) {
    space.emplace();
    space->set_free_bytes(found->free_bytes);
    space->set_free_min_bytes(
        options_.free_min_bytes.value_or(FreeMinBytes(-1, found->total_bytes)));
    free_bytes_.Set(static_cast<double>(space->free_bytes()));
    free_min_bytes_.Set(static_cast<double>(space->free_min_bytes()));
  }
  {
    MutexLock lock(&mu_);
    space_ = space;
  }
  deps_.queue->PostAfter(kPeriod, [this] { Look(); });
}

}  // namespace tributary
