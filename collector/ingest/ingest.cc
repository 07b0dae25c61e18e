#include "collector/ingest/ingest.h"

#include <utility>

namespace tributary {

// Carries what shards and the commit cycle tell to the session queue.
class Ingest::Events : public ShardEvents, public CommitEvents {
 public:
  explicit Events(Ingest* ingest) : ingest_(ingest) {}

  void OnDirty() override { ingest_->commit_cycle_->MarkDirty(); }
  void OnProgress(StreamProgress progress) override {
    ingest_->deps_.session->Post(
        [ingest = ingest_, progress] { ingest->sessions_->OnProgress(progress); });
  }
  void OnDurable(std::vector<DurableAdvance> advances, std::vector<PendingFill> fills) override {
    ingest_->deps_.session->Post(
        [ingest = ingest_, advances = std::move(advances), fills = std::move(fills)] {
          ingest->sessions_->OnDurable(advances, fills);
        });
  }
  void OnRewound(std::shared_ptr<MirrorStream> stream, StreamProgress progress) override {
    ingest_->deps_.session->Post([ingest = ingest_, stream = std::move(stream), progress] {
      ingest->sessions_->OnRewound(stream, progress);
    });
  }
  void OnFatal(absl::Status status) override {
    if (!std::exchange(fatal_told_, true)) ingest_->deps_.on_fatal(std::move(status));
  }

 private:
  Ingest* const ingest_;
  bool fatal_told_ = false;  // on the commit queue
};

Ingest::Ingest(const Options& options, const Dependencies& dependencies)
    : options_(options),
      deps_(dependencies),
      events_(std::make_unique<Events>(this)),
      streams_(dependencies.projector) {
  std::vector<Delivery::ShardSeat> seats;
  for (size_t i = 0; i < deps_.shards.size(); ++i) {
    Shard::Options shard = options_.shard;
    shard.number = static_cast<int>(i);
    shards_.push_back(std::make_unique<Shard>(
        shard, Shard::Dependencies{deps_.store, deps_.index, deps_.files, deps_.clock,
                                   deps_.shards[i], events_.get(), deps_.metrics, deps_.log}));
    seats.push_back({shards_.back().get(), deps_.shards[i]});
  }
  if (deps_.store->assets() != nullptr) {
    asset_desk_ = std::make_unique<AssetDesk>(deps_.store->assets(), deps_.metrics);
  }
  delivery_ = std::make_unique<Delivery>(Delivery::Dependencies{
      deps_.store, deps_.nodes, deps_.clock, deps_.session, deps_.commit, seats, asset_desk_.get(),
      deps_.asset, [this](absl::Status status) { events_->OnFatal(std::move(status)); },
      [this] { commit_cycle_->MarkDirty(); }});
  commit_cycle_ = std::make_unique<CommitCycle>(
      options_.commit, CommitCycle::Dependencies{deps_.store, deps_.clock, deps_.commit, seats,
                                                 events_.get(), deps_.metrics, deps_.log});
  SessionTable::Options sessions;
  sessions.limits = options_.limits;
  if (asset_desk_ == nullptr) sessions.limits.asset_bytes_max = 0;
  sessions.credit = options_.credit;
  sessions.store_id = deps_.store->store_id();
  sessions.start_nonce = options_.start_nonce;
  sessions.collector_version = options_.collector_version;
  sessions_ = std::make_unique<SessionTable>(
      sessions, SessionTable::Dependencies{deps_.clock, deps_.session, delivery_.get(), &streams_,
                                           deps_.decisions, deps_.metrics, deps_.log});
  ClusterPublisher::Options publisher;
  publisher.store_id = deps_.store->store_id();
  publisher_ = std::make_unique<ClusterPublisher>(publisher, deps_.clock, sessions_.get(),
                                                  &streams_, deps_.board);
}

Ingest::~Ingest() = default;

void Ingest::Start() {
  std::vector<std::vector<std::shared_ptr<MirrorStream>>> by_shard(shards_.size());
  for (const std::shared_ptr<MirrorStream>& stream : deps_.store->Streams()) {
    streams_.Add(stream);
    by_shard[static_cast<size_t>(stream->shard())].push_back(stream);
  }
  if (asset_desk_ != nullptr) {
    for (const std::shared_ptr<Asset>& asset : deps_.store->assets()->All()) streams_.Add(asset);
  }
  for (size_t i = 0; i < by_shard.size(); ++i) {
    if (by_shard[i].empty()) continue;
    streams_at_start_ += by_shard[i].size();
    // Loading, before anybody can ask.
    adopting_.fetch_add(static_cast<int64_t>(by_shard[i].size()), std::memory_order_relaxed);
    deps_.shards[i]->Post([this, shard = shards_[i].get(), streams = std::move(by_shard[i])] {
      AdoptOn(shard, streams);
    });
  }
  // What recovery found (a lower offset, say) is in no cycle yet.
  commit_cycle_->MarkDirty();
  Tick();
  Publish();
}

void Ingest::AdoptOn(Shard* shard, const std::vector<std::shared_ptr<MirrorStream>>& streams) {
  std::vector<std::pair<StreamId, std::shared_ptr<FileIndex>>> indexes;
  indexes.reserve(streams.size());
  for (const std::shared_ptr<MirrorStream>& stream : streams) {
    indexes.emplace_back(stream->id(), shard->Adopt(stream));
    // After the shard counts it itself.
    adopting_.fetch_sub(1, std::memory_order_release);
  }
  deps_.session->Post([this, indexes = std::move(indexes)] {
    for (const auto& [id, index] : indexes) streams_.Find(id)->index = index;
    streams_.Changed();
  });
}

void Ingest::Tick() {
  deps_.session->PostAfter(absl::Seconds(1), [this] {
    sessions_->Tick();
    Tick();
  });
}

void Ingest::Publish() {
  deps_.session->PostAfter(options_.publish_interval, [this] {
    publisher_->PublishIfChanged();
    Publish();
  });
}

int64_t Ingest::streams_loading() const {
  // In this order: a stream is counted by one of them at any moment.
  int64_t loading = adopting_.load(std::memory_order_acquire);
  for (const std::unique_ptr<Shard>& shard : shards_) loading += shard->streams_loading();
  return loading;
}

void Ingest::Stop(const std::string& why, Task done) {
  deps_.session->Post([this, why, done = std::move(done)]() mutable {
    sessions_->Stop(why);
    // Behind what the sessions gave to the shards: the shards note after it.
    commit_cycle_->Finish(std::move(done));
  });
}

}  // namespace tributary
