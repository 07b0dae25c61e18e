// Many clients at once lease, renew, release, crash and come back, the collector restarts, its disk
// refuses: what each client may believe is written down, and two never believe the same.
//
// The client's view decides, not the collector's: a client holds a number from the answer to its
// claim until it sends the release, dies, or its own clock says that the lease may have run out,
// counted from before the last renewal that was answered was sent.
#include <gtest/gtest.h>

#include <deque>
#include <thread>

#include "absl/strings/str_cat.h"
#include "collector/registry/port_leases.h"
#include "collector/registry/sqlite_registry.h"
#include "common/mutex.h"
#include "common/random.h"
#include "common/thread_task_queue.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_registry.h"
#include "tests/support/temporary_directory.h"

namespace tributary {
namespace {

constexpr int kClients = 64;
constexpr uint16_t kFirst = 6006;
constexpr uint16_t kLast = 6053;  // 48 numbers for 64 clients: the range is short

PortLeases::Options ShortRange() {
  PortLeases::Options options;
  options.range_first = kFirst;
  options.range_last = kLast;
  return options;
}

// A belief that ended or not: one line of the history.
struct Held {
  std::string service;  // "<node>/<service>"
  uint16_t port = 0;
  uint64_t session = 0;
  absl::Duration from;
  absl::Duration to;
};

// Checks the whole history: no number was believed to be two services' at one time.
void CheckHistory(const std::vector<Held>& history) {
  std::map<uint16_t, std::vector<const Held*>> by_port;
  for (const Held& held : history) {
    if (held.port != 0) by_port[held.port].push_back(&held);
  }
  for (const auto& [port, holders] : by_port) {
    for (size_t i = 0; i < holders.size(); ++i) {
      for (size_t j = i + 1; j < holders.size(); ++j) {
        const Held& a = *holders[i];
        const Held& b = *holders[j];
        ASSERT_TRUE(a.service == b.service || a.to <= b.from || b.to <= a.from)
            << port << " was held by " << a.service << " from " << a.from << " to " << a.to
            << " and by " << b.service << " from " << b.from << " to " << b.to;
      }
    }
  }
}

struct Client {
  PortLeases::Process process;
  PortLeases::Claim claim;
  bool connected = false;
  // What it believes, while it lives.
  std::optional<Held> held;
};

// One seed: operations one after another, as the collector's one queue runs them, while the links
// delay renewals and answers.
class Interleaving {
 public:
  explicit Interleaving(uint64_t seed) : random_(seed), clients_(kClients) {
    for (Client& client : clients_) Begin(&client);
    Open();
  }

  void Run(int operations) {
    for (int i = 0; i < operations; ++i) {
      Client& client = clients_[random_.Below(kClients)];
      switch (random_.Below(12)) {
        case 0:
        case 1:
        case 2:
          Take(&client);
          break;
        case 3:
        case 4:
        case 5:
          Renew(&client);
          break;
        case 6:
          Release(&client);
          break;
        case 7:
          Die(&client);
          break;
        case 8:
          Disconnect(&client);
          break;
        case 9:
          // Another program of the node is in the way.
          if (client.held.has_value()) client.claim.taken.insert(client.held->port);
          Take(&client);
          client.claim.taken.clear();
          break;
        default:
          Pass(absl::Seconds(static_cast<int64_t>(random_.Below(20))));
      }
      if (random_.Below(200) == 0) RestartCollector();
      if (::testing::Test::HasFatalFailure()) return;
    }
    for (Client& client : clients_) Forget(&client, clock_.Monotonic());
    CheckHistory(history_);
  }

  // Everybody dies and nobody says so: the numbers become free in time.
  void CheckEverythingIsFreedInTime() {
    for (Client& client : clients_) {
      client.connected = false;
      Forget(&client, clock_.Monotonic());
    }
    PassQuietly(absl::Seconds(61));
    const auto snapshot = leases_->Snapshot();
    for (const auto& [key, status] : snapshot->services) {
      ASSERT_EQ(status.state, ServiceState::kStale) << key.first << "/" << key.second;
    }
    disk_fails_ = false;
    // Run out and reserved: as many new services as there are numbers push the old ones out.
    std::set<uint16_t> given;
    for (int i = 0; i <= kLast - kFirst; ++i) {
      Client fresh;
      Begin(&fresh);
      fresh.process.node = absl::StrCat("fresh", i);
      fresh.claim.fixed = false;
      fresh.connected = true;
      fresh.process.session = ++session_;
      Take(&fresh);
      ASSERT_TRUE(fresh.held.has_value());
      ASSERT_TRUE(given.insert(fresh.held->port).second);
      ASSERT_NE(fresh.held->port, 0);
    }
    PassQuietly(absl::Hours(25));
    ASSERT_TRUE(leases_->Snapshot()->services.empty());
  }

  size_t grants() const { return history_.size(); }

 private:
  // A new process in this place.
  void Begin(Client* client) {
    *client = Client();
    ++processes_;
    client->process.node = absl::StrCat("node", random_.Below(16));
    client->process.nonce = absl::StrCat("nonce", processes_);
    client->process.pid = static_cast<int64_t>(processes_);
    client->claim.id = 1;
    client->claim.service = random_.Below(2) == 0 ? "tensorboard" : "jupyter";
    client->claim.wish = random_.Below(3) == 0 ? uint16_t{0} : kFirst;
    client->claim.fixed = client->claim.wish != 0 && random_.Below(8) == 0;
  }
  void Open() {
    auto opened = PortLeases::Open(ShortRange(), &registry_, &clock_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    leases_ = *std::move(opened);
  }
  void RestartCollector() {
    leases_.reset();
    registry_.Crash();
    registry_.Reopen();
    for (Client& client : clients_) client.connected = false;
    Pass(absl::Seconds(static_cast<int64_t>(random_.Below(40))));
    Open();
  }
  void Connect(Client* client) {
    if (client->connected) return;
    client->connected = true;
    client->process.session = ++session_;
  }
  // The belief ends at `at`, if it has not by itself.
  void Forget(Client* client, absl::Duration at) {
    if (!client->held.has_value()) return;
    Held held = *std::exchange(client->held, std::nullopt);
    held.to = std::min(held.to, at);
    if (held.to > held.from) history_.push_back(std::move(held));
  }
  absl::Duration Delay() {
    clock_.Advance(absl::Milliseconds(static_cast<int64_t>(random_.Below(300))));
    return clock_.Monotonic();
  }

  void Take(Client* client) {
    Connect(client);
    const absl::Duration sent = clock_.Monotonic();
    if (disk_fails_ && random_.Below(30) == 0) registry_.FailCommit(FakeRegistry::Fate::kNoSpace);
    const absl::Duration received = Delay();
    auto answer = leases_->Take(client->process, client->claim, received);
    registry_.SetScript(nullptr);
    if (!answer.ok()) {
      ASSERT_TRUE(absl::IsResourceExhausted(answer.status())) << answer.status();
      return;
    }
    const auto* grant = std::get_if<PortLeases::Grant>(&*answer);
    if (grant == nullptr) return;
    Delay();
    Forget(client, clock_.Monotonic());
    client->claim.held_service = grant->service;
    client->held = Held{.service = absl::StrCat(client->process.node, "/", grant->service),
                        .port = grant->port,
                        .session = client->process.session,
                        .from = clock_.Monotonic(),
                        .to = sent + absl::Seconds(60)};
    CheckNames(*client);
  }
  // Of the sessions that are there, one has the name.
  void CheckNames(const Client& taker) {
    for (const Client& other : clients_) {
      if (&other == &taker || !other.connected || !other.held.has_value()) continue;
      // What an earlier session was given is only a number.
      if (other.held->session != other.process.session) continue;
      if (other.held->to <= clock_.Monotonic()) continue;
      ASSERT_NE(other.held->service, taker.held->service);
    }
  }
  void Renew(Client* client) {
    if (!client->connected) return;
    const absl::Duration sent = clock_.Monotonic();
    const absl::Duration received = Delay();
    // The queue was busy.
    if (random_.Below(4) == 0) clock_.Advance(absl::Seconds(5));
    if (!leases_->Renew(client->process.session, received).empty()) {
      Forget(client, clock_.Monotonic());
    }
    // An answer counts if it comes while the client still believes.
    if (client->held.has_value() && clock_.Monotonic() < client->held->to) {
      client->held->to = std::max(client->held->to, sent + absl::Seconds(60));
    }
  }
  void Release(Client* client) {
    if (!client->connected) return;
    Forget(client, clock_.Monotonic());
    Delay();
    const absl::Status status = leases_->Release(client->process.session, 1);
    ASSERT_TRUE(status.ok()) << status;
  }
  // The process is killed: the collector hears of it at once, or not at all.
  void Die(Client* client) {
    Forget(client, clock_.Monotonic());
    if (client->connected && random_.Below(2) == 0) leases_->SessionLost(client->process.session);
    Begin(client);
  }
  // The connection breaks; the process goes on believing until its own clock ends it.
  void Disconnect(Client* client) {
    if (!std::exchange(client->connected, false)) return;
    Delay();
    leases_->SessionLost(client->process.session);
  }
  void Pass(absl::Duration time) {
    for (; time > absl::ZeroDuration(); time -= absl::Seconds(1)) {
      clock_.Advance(absl::Seconds(1));
      Tick();
    }
  }
  void PassQuietly(absl::Duration time) {
    for (; time > absl::ZeroDuration(); time -= absl::Seconds(30)) {
      clock_.Advance(std::min(time, absl::Seconds(30)));
      Tick();
    }
  }
  void Tick() {
    if (leases_ == nullptr) return;
    const auto lost = leases_->Tick();
    ASSERT_TRUE(lost.ok()) << lost.status();
  }

  SeededRandom random_;
  FakeClock clock_;
  FakeRegistry registry_;
  std::unique_ptr<PortLeases> leases_;
  std::vector<Client> clients_;
  std::vector<Held> history_;
  bool disk_fails_ = true;
  uint64_t session_ = 0;
  uint64_t processes_ = 0;
};

TEST(LeaseRacesTest, AThousandOperationsOf64ClientsInAnyOrder) {
  size_t grants = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Interleaving interleaving(seed);
    interleaving.Run(1'000);
    if (HasFatalFailure()) return;
    grants += interleaving.grants();
    interleaving.CheckEverythingIsFreedInTime();
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(grants, 30'000u);
}

// The same with threads, the commit queue and SQLite as in the program.
class LeaseThreads {
 public:
  LeaseThreads() : queue_("commit", &clock_) {
    auto opened = SqliteRegistry::Open(directory_.path());
    EXPECT_TRUE(opened.ok()) << opened.status();
    registry_ = *std::move(opened);
    auto leases = PortLeases::Open(ShortRange(), registry_.get(), &clock_);
    EXPECT_TRUE(leases.ok()) << leases.status();
    leases_ = *std::move(leases);
  }
  ~LeaseThreads() { queue_.Stop(); }

  void RunClient(uint64_t number, int operations) {
    SeededRandom random(number);
    Client client;
    uint64_t life = 0;
    const auto begin = [&] {
      client = Client();
      client.process = {.session = number * 1'000 + ++life,
                        .node = absl::StrCat("node", number % 16),
                        .nonce = absl::StrCat(number, ".", life),
                        .pid = 1};
      client.claim.id = 1;
      client.claim.service = "tensorboard";
      client.claim.wish = kFirst;
    };
    begin();
    for (int i = 0; i < operations; ++i) {
      switch (random.Below(6)) {
        case 0:
        case 1:
          Take(&client);
          break;
        case 2:
        case 3:
          Renew(&client);
          break;
        case 4:
          Forget(&client);
          Ask([&] { EXPECT_TRUE(leases_->Release(client.process.session, 1).ok()); });
          break;
        case 5:
          Forget(&client);
          // Told or not.
          if (random.Below(2) == 0) Ask([&] { leases_->SessionLost(client.process.session); });
          begin();
          break;
      }
      if (random.Below(4) == 0) Tick();
    }
    Forget(&client);
  }

  std::vector<Held> TakeHistory() {
    MutexLock lock(&mu_);
    return std::move(history_);
  }

 private:
  // Runs a task on the queue and waits for it, as a client waits for its answer.
  void Ask(const std::function<void()>& task) {
    Mutex mu;
    CondVar changed;
    bool done = false;
    queue_.Post([&] {
      task();
      MutexLock lock(&mu);
      done = true;
      changed.Signal();
    });
    MutexLock lock(&mu);
    while (!done) changed.Wait(&mu);
  }
  void Tick() {
    clock_.Advance(absl::Seconds(2));
    Ask([&] { EXPECT_TRUE(leases_->Tick().ok()); });
  }
  void Take(Client* client) {
    const absl::Duration sent = clock_.Monotonic();
    std::optional<PortLeases::Grant> grant;
    absl::Duration given;
    Ask([&] {
      auto answer = leases_->Take(client->process, client->claim, clock_.Monotonic());
      ASSERT_TRUE(answer.ok()) << answer.status();
      given = clock_.Monotonic();
      if (auto* one = std::get_if<PortLeases::Grant>(&*answer)) grant = *one;
    });
    Forget(client);
    if (!grant.has_value()) return;
    client->claim.held_service = grant->service;
    client->held = Held{.service = absl::StrCat(client->process.node, "/", grant->service),
                        .port = grant->port,
                        .session = client->process.session,
                        .from = given,
                        .to = sent + absl::Seconds(60)};
  }
  void Renew(Client* client) {
    const absl::Duration sent = clock_.Monotonic();
    bool lost = false;
    Ask([&] { lost = !leases_->Renew(client->process.session, clock_.Monotonic()).empty(); });
    if (lost) Forget(client);
    if (client->held.has_value() && clock_.Monotonic() < client->held->to) {
      client->held->to = sent + absl::Seconds(60);
    }
  }
  void Forget(Client* client) ABSL_LOCKS_EXCLUDED(mu_) {
    if (!client->held.has_value()) return;
    Held held = *std::exchange(client->held, std::nullopt);
    held.to = std::min(held.to, clock_.Monotonic());
    MutexLock lock(&mu_);
    if (held.to > held.from) history_.push_back(std::move(held));
  }

  TemporaryDirectory directory_;
  FakeClock clock_;
  std::unique_ptr<SqliteRegistry> registry_;
  std::unique_ptr<PortLeases> leases_;
  ThreadTaskQueue queue_;
  Mutex mu_;
  std::vector<Held> history_ ABSL_GUARDED_BY(mu_);
};

TEST(LeaseRacesTest, AThousandOperationsOf64Threads) {
  LeaseThreads site;
  std::vector<std::thread> clients;
  for (uint64_t number = 1; number <= kClients; ++number) {
    clients.emplace_back([&site, number] { site.RunClient(number, 1'000 / kClients + 1); });
  }
  for (std::thread& client : clients) client.join();
  const std::vector<Held> history = site.TakeHistory();
  EXPECT_GT(history.size(), 50u);
  CheckHistory(history);
}

}  // namespace
}  // namespace tributary
