// Ingest on its real threads, with the real store on a disk that fails now and then: what the
// thread sanitizer is to look at. Agents leave, come back, close and open again, and begin new
// generations while commits run; in the end every mirror equals its source.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "absl/strings/str_cat.h"
#include "collector/index/index.h"
#include "collector/ingest/ingest.h"
#include "common/check.h"
#include "common/metrics.h"
#include "common/mutex.h"
#include "common/random.h"
#include "common/thread_task_queue.h"
#include "tests/support/capture_logger.h"
#include "tests/support/event_file_builder.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/fake_registry.h"

namespace tributary {
namespace {

using ingest::v1::AgentMessage;
using ingest::v1::CollectorMessage;

constexpr char kPath[] = "run/a.tfevents";
// Far longer than it takes; only a test that fails waits for it.
constexpr absl::Duration kLong = absl::Seconds(40);
constexpr int kShards = 3;

// What outlives the process.
struct Disk {
  FakeFileSystem files{RealClock()};
  FakeRegistry registry;
};

class Site {
 public:
  Site(const Ingest::Options& options, Disk* disk)
      : random(1),
        metrics(&metrics_registry),
        index(Index::Make({})),
        session("session", RealClock()),
        commit("commit", RealClock()),
        asset("asset", RealClock()) {
    CHECK(disk->files.MakeDirectories("/data").ok(), "");
    Store::Options store_options;
    store_options.data_dir = "/data";
    store_options.shards = kShards;
    store_options.data_free_min_bytes = 0;
    auto opened = Store::Open(store_options, {&disk->files, RealClock(), &random, &disk->registry});
    CHECK(opened.ok(), opened.status().message());
    store = *std::move(opened);
    Ingest::Dependencies deps;
    deps.store = store.get();
    deps.index = index.get();
    deps.files = &disk->files;
    deps.clock = RealClock();
    deps.board = &board;
    deps.nodes = &nodes;
    deps.decisions = &decisions;
    deps.metrics = &metrics;
    deps.log = &log;
    deps.session = &session;
    deps.commit = &commit;
    deps.asset = &asset;
    for (int i = 0; i < kShards; ++i) {
      shards.push_back(std::make_unique<ThreadTaskQueue>("shard", RealClock()));
      deps.shards.push_back(shards.back().get());
    }
    deps.on_fatal = [](const absl::Status& status) { CHECK(false, "fatal: ", status.message()); };
    ingest = std::make_unique<Ingest>(options, deps);
    ingest->Start();
  }
  ~Site() { StopThreads(); }
  void StopThreads() {
    session.Stop();
    for (auto& queue : shards) queue->Stop();
    asset.Stop();
    commit.Stop();
  }

  SeededRandom random;
  CaptureLogger log;
  MetricsRegistry metrics_registry;
  IngestMetrics metrics;
  std::unique_ptr<Index> index;
  ClusterBoard board;
  NodePresence nodes;
  RunDecisionBoard decisions;
  std::unique_ptr<Store> store;
  std::unique_ptr<Ingest> ingest;
  std::vector<std::unique_ptr<ThreadTaskQueue>> shards;
  ThreadTaskQueue session;
  ThreadTaskQueue commit;
  ThreadTaskQueue asset;
};

// An agent with one file. Lives on the session queue, so that only the collector has threads.
class RestlessAgent {
 public:
  RestlessAgent(Site* site, int number)
      : site_(site),
        random_(static_cast<uint64_t>(number) + 1),
        node_(absl::StrCat("node", number)) {
    EventFileBuilder file;
    file.FileVersion();
    for (int i = 0; i < 2000; ++i) file.Scalar("loss", Step(i), static_cast<float>(i));
    source_ = file.Build();
  }

  const std::string& node() const { return node_; }
  const std::string& source() const { return source_; }
  // Thread-safe.
  bool done() const { return done_; }

  // The rest is on the session queue.

  void Connect() {
    ++connection_;
    credit_ = 0;
    live_ = false;
    offered_ = false;
    peer_ = std::make_shared<Peer>(this, connection_);
    id_ = site_->ingest->sessions()->Connect(peer_);
    AgentMessage message;
    ingest::v1::Hello* hello = message.mutable_hello();
    hello->set_protocol_version(1);
    hello->set_agent_nonce(node_);
    hello->mutable_node()->set_name(node_);
    hello->mutable_node()->set_machine_id(node_);
    hello->mutable_node()->set_boot_id(node_);
    hello->add_logdirs()->set_path("/logs");
    Say(std::move(message));
  }

 private:
  // Whatever the collector does happens inside its own task: the agent reacts in one of its own.
  class Peer : public SessionPeer {
   public:
    Peer(RestlessAgent* agent, int connection) : agent_(agent), connection_(connection) {}
    void Send(CollectorMessage message) override {
      agent_->site_->session.Post(
          [agent = agent_, connection = connection_, message = std::move(message)] {
            if (agent->connection_ == connection) agent->OnMessage(message);
          });
    }
    void Close() override {
      agent_->site_->session.PostAfter(absl::Milliseconds(1),
                                       [agent = agent_, connection = connection_] {
                                         if (agent->connection_ == connection) agent->Connect();
                                       });
    }
    std::string address() const override { return "127.0.0.1:1"; }

   private:
    RestlessAgent* const agent_;
    const int connection_;
  };

  void Say(AgentMessage message) { site_->ingest->sessions()->OnMessage(id_, std::move(message)); }
  void Open() {
    offered_ = false;
    AgentMessage message;
    ingest::v1::Open* open = message.mutable_open_batch()->add_opens();
    open->set_stream(1);
    open->set_kind(ingest::v1::STREAM_KIND_EVENT);
    open->set_path(kPath);
    open->set_run(absl::StrCat(node_, "/run"));
    opening_ = true;
    Say(std::move(message));
  }
  void OpenSoon() {
    offered_ = false;
    site_->session.PostAfter(absl::Milliseconds(2), [this, connection = connection_] {
      if (connection_ == connection && live_ && !opening_ && !offered_) Open();
    });
  }
  void OnMessage(const CollectorMessage& message) {
    if (message.has_welcome()) {
      credit_ = message.welcome().credit_bytes();
      live_ = true;
      opening_ = false;
      Open();
    } else if (message.has_credit()) {
      credit_ += message.credit().bytes();
      Pump();
    } else if (message.has_offer_batch()) {
      OnOffer(message.offer_batch().offers(0));
    } else if (message.has_refusal() && message.refusal().has_stream()) {
      if (!opening_) OpenSoon();
    } else if (message.has_acks()) {
      for (const auto& mark : message.acks().durable()) {
        if (mark.generation() == generation_ && mark.offset() == source_.size()) done_ = true;
      }
    }
  }
  void OnOffer(const ingest::v1::Offer& offer) {
    opening_ = false;
    if (offer.refused() != ingest::v1::REFUSAL_REASON_UNSPECIFIED) {
      OpenSoon();
      return;
    }
    offered_ = true;
    generation_ = offer.generation();
    sent_ = offer.offset();
    ASSERT_LE(sent_, source_.size());
    if (offer.durable() == source_.size()) done_ = true;
    Pump();
  }
  void Pump() {
    while (offered_ && credit_ > 0 && sent_ < source_.size()) {
      if (actions_left_ > 0 && random_.Below(12) == 0) {
        --actions_left_;
        Act();
        return;
      }
      const uint64_t bytes =
          std::min({1 + random_.Below(600), credit_, uint64_t{source_.size() - sent_}});
      AgentMessage message;
      ingest::v1::Slice* slice = message.mutable_chunk()->add_slices();
      slice->set_stream(1);
      slice->set_generation(generation_);
      slice->set_offset(sent_);
      slice->set_data(source_.substr(sent_, bytes));
      sent_ += bytes;
      credit_ -= bytes;
      Say(std::move(message));
    }
  }
  void Act() {
    switch (random_.Below(4)) {
      case 0:  // the connection breaks
        site_->ingest->sessions()->OnClosed(id_, "cut");
        return;
      case 1: {
        AgentMessage message;
        message.mutable_close_streams()->add_streams(1);
        Say(std::move(message));
        OpenSoon();
        return;
      }
      case 2: {
        if (++generations_ > 3) return Pump();
        AgentMessage message;
        message.mutable_new_generation()->set_stream(1);
        message.mutable_new_generation()->set_differs_from_generation(generation_);
        offered_ = false;
        opening_ = true;
        Say(std::move(message));
        return;
      }
      case 3:
        sent_ -= std::min<uint64_t>(sent_, 100);  // again what is there
        return Pump();
    }
  }

  Site* const site_;
  SeededRandom random_;
  const std::string node_;
  std::string source_;
  std::shared_ptr<Peer> peer_;
  SessionId id_;
  int connection_ = 0;
  bool live_ = false;
  bool opening_ = false;
  bool offered_ = false;
  uint64_t generation_ = 0;
  uint64_t sent_ = 0;
  uint64_t credit_ = 0;
  int actions_left_ = 30;
  int generations_ = 0;
  std::atomic<bool> done_{false};
};

bool Eventually(const std::function<bool()>& holds) {
  const absl::Duration deadline = RealClock()->Monotonic() + kLong;
  Mutex mu;
  CondVar changed;
  while (!holds()) {
    if (RealClock()->Monotonic() > deadline) return false;
    MutexLock lock(&mu);
    changed.WaitFor(&mu, absl::Milliseconds(2));
  }
  return true;
}

TEST(ThreadsTest, Fault9_RestlessAgentsAndSyncsThatFail) {
  Ingest::Options options;
  options.commit.interval = absl::Milliseconds(2);
  options.publish_interval = absl::Milliseconds(2);
  options.shard.catch_up_part_bytes = 10'000;
  options.credit.floor_bytes = 4'000;
  Disk disk;
  Site site(options, &disk);
  // The disk forgets unsynced bytes now and then, but not for ever.
  std::atomic<int> syncs{0};
  disk.files.SetInterceptor([&syncs](FakeFileSystem::Call call, const std::string&) {
    if (call != FakeFileSystem::Call::kSyncFileSystem) return absl::OkStatus();
    const int now = ++syncs;
    return now % 4 == 2 && now < 200 ? absl::InternalError("EIO") : absl::OkStatus();
  });
  std::vector<std::unique_ptr<RestlessAgent>> agents;
  for (int i = 0; i < 8; ++i) agents.push_back(std::make_unique<RestlessAgent>(&site, i));
  site.session.Post([&] {
    for (auto& agent : agents) agent->Connect();
  });
  for (auto& agent : agents) {
    EXPECT_TRUE(Eventually([&] { return agent->done(); })) << agent->node();
  }
  std::atomic<bool> stopped{false};
  site.ingest->Stop("the test is over", [&stopped] { stopped = true; });
  EXPECT_TRUE(Eventually([&] { return stopped.load(); }));
  for (auto& agent : agents) {
    const auto mirror =
        disk.files.ReadFile(absl::StrCat("/data/logdir/", agent->node(), "/run/a.tfevents"));
    ASSERT_TRUE(mirror.ok()) << mirror.status();
    EXPECT_EQ(*mirror == agent->source(), true) << agent->node() << ": " << mirror->size();
    Index::ScalarQuery all;
    all.points_max = 0;
    EXPECT_TRUE(Eventually([&] {
      const auto points =
          site.index->ReadScalars(RunName(agent->node() + "/run"), Tag("loss"), all);
      return points.ok() && points->steps.size() == 2000;
    })) << agent->node();
  }
  // It was no idle test.
  EXPECT_TRUE(site.log.Contains("mirror was set back"));
  EXPECT_TRUE(site.log.Contains("source has other bytes"));
  EXPECT_TRUE(site.log.Contains("why=cut"));
  site.StopThreads();  // before the agents go
}

// Everything is taken over by the shards while sockets and viewers are there already.
TEST(ThreadsTest, Fault2_AStartWithManyStreams) {
  constexpr int kStreams = 300;
  Disk disk;
  EventFileBuilder builder;
  builder.FileVersion();
  for (int i = 0; i < 20; ++i) builder.Scalar("loss", Step(i), static_cast<float>(i));
  const std::string file = builder.Build();
  Ingest::Options options;
  options.publish_interval = absl::Milliseconds(1);
  {
    Site site(options, &disk);
    site.StopThreads();  // the store is this thread's now
    std::vector<StreamRequest> requests;
    for (int i = 0; i < kStreams; ++i) {
      StreamRequest request;
      request.identity = {"node07", "", absl::StrCat("run", i, "/a.tfevents")};
      request.run = RunName(absl::StrCat("node07/run", i));
      requests.push_back(std::move(request));
    }
    const auto streams = site.store->OpenStreams(requests);
    ASSERT_TRUE(streams.ok()) << streams.status();
    std::vector<CommitNote> notes;
    for (const auto& stream : *streams) ASSERT_TRUE(stream->Append(0, file).ok());
    for (int shard = 0; shard < kShards; ++shard) {
      for (CommitNote& note : site.store->NoteDirty(shard)) notes.push_back(std::move(note));
    }
    ASSERT_TRUE(site.store->Commit(std::move(notes)).ok());
  }
  Site site(options, &disk);
  EXPECT_TRUE(Eventually([&] { return site.ingest->streams_loading() == 0; }));
  Index::ScalarQuery all;
  all.points_max = 0;
  for (int i = 0; i < kStreams; ++i) {
    const auto points =
        site.index->ReadScalars(RunName(absl::StrCat("node07/run", i)), Tag("loss"), all);
    ASSERT_TRUE(points.ok()) << i;
    EXPECT_EQ(points->steps.size(), 20u) << i;
  }
  EXPECT_TRUE(Eventually([&] {
    const auto snapshot = site.board.Get();
    if (snapshot->nodes.size() != 1 || snapshot->nodes[0].streams.size() != kStreams) return false;
    return std::all_of(snapshot->nodes[0].streams.begin(), snapshot->nodes[0].streams.end(),
                       [](const StreamStatus& stream) { return stream.records == 21; });
  }));
}

}  // namespace
}  // namespace tributary
