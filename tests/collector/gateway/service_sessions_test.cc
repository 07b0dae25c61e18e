// What processes with services may say, and what they are answered.
#include "collector/gateway/service_sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/support/capture_logger.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_registry.h"
#include "tests/support/manual_task_queue.h"

namespace tributary::gateway {
namespace {

using cluster::v1::ServicesReply;
using cluster::v1::ServicesRequest;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CapturedPeer : public ServicePeer {
 public:
  void Send(ServicesReply reply) override {
    if (!closed) replies.push_back(std::move(reply));
  }
  void Close() override { closed = true; }
  std::string address() const override { return "10.0.0.7:5000"; }

  std::vector<ServicesReply> replies;
  bool closed = false;
};

class ServiceSessionsTest : public ::testing::Test {
 protected:
  ServiceSessionsTest() : commit_(&clock_), metrics_(&metrics_registry_) { Restart(); }

  void Restart() {
    sessions_.reset();
    commit_.Clear();
    registry_.Crash();
    registry_.Reopen();
    nodes_ = std::make_unique<NodePresence>();
    auto leases = PortLeases::Open({}, &registry_, &clock_);
    ASSERT_TRUE(leases.ok());
    leases_ = *std::move(leases);
    ServiceSessions::Options options;
    options.store_id = "store";
    options.start_nonce = absl::StrCat("start", ++starts_);
    options.collector_version = "1.2.3";
    options.path_prefix = "/tb";
    options.claims_max = 3;
    options.sessions_max = 100;
    sessions_ = std::make_unique<ServiceSessions>(
        options, ServiceSessions::Dependencies{
                     .clock = &clock_,
                     .random = &random_,
                     .commit = &commit_,
                     .leases = leases_.get(),
                     .nodes = nodes_.get(),
                     .assign_node =
                         [](absl::string_view wanted, const Machine&, bool elsewhere) {
                           return absl::StatusOr<std::string>(elsewhere ? absl::StrCat(wanted, "~2")
                                                                        : std::string(wanted));
                         },
                     .board = &board_,
                     .metrics = &metrics_,
                     .log = &log_,
                     .on_fatal = [this](absl::Status status) { fatal_ = std::move(status); }});
    sessions_->Start();
    sessions_->SetOwn("head", 6060, 1, "http://head:6060");
    commit_.RunAll();
  }

  void Pass(absl::Duration time) {
    for (; time > absl::ZeroDuration(); time -= absl::Seconds(1)) {
      clock_.Advance(std::min(time, absl::Seconds(1)));
      commit_.RunAll();
    }
  }
  ServiceStatus StatusOf(const std::string& node, const std::string& service) {
    commit_.RunAll();
    const auto snapshot = board_.Get();
    const auto found = snapshot->services.find({node, service});
    return found == snapshot->services.end() ? ServiceStatus() : found->second;
  }

  FakeClock clock_;
  SeededRandom random_{1};
  ManualTaskQueue commit_;
  FakeRegistry registry_;
  std::unique_ptr<NodePresence> nodes_;
  std::unique_ptr<PortLeases> leases_;
  ServiceBoard board_;
  MetricsRegistry metrics_registry_;
  ServiceMetrics metrics_;
  CaptureLogger log_;
  std::unique_ptr<ServiceSessions> sessions_;
  absl::Status fatal_;
  int starts_ = 0;

  // A process whose every message is written by the test.
  class Process {
   public:
    Process(ServiceSessionsTest* site, const std::string& node)
        : site_(site), nonce_(absl::StrCat("nonce", ++site->processes_)) {
      hello_.set_protocol_version(1);
      hello_.set_program_version("1.2.3");
      hello_.set_process_nonce(nonce_);
      hello_.set_pid(4711);
      hello_.mutable_node()->set_name(node);
      hello_.mutable_node()->set_machine_id("machine of " + node);
      hello_.mutable_node()->set_boot_id("boot of " + node);
      claim_.set_claim_id(1);
      claim_.set_service("tensorboard");
      claim_.set_wish(6006);
      claim_.set_mode(cluster::v1::SERVICE_MODE_KEEP);
      claim_.set_command("tensorboard --logdir x");
      claim_.set_user("ann");
    }

    cluster::v1::ServicesHello* hello() { return &hello_; }
    cluster::v1::Claim* claim() { return &claim_; }
    uint64_t id() const { return id_; }
    bool ended() const { return peer_->closed; }
    const std::vector<ServicesReply>& replies() const { return peer_->replies; }

    Process& Connect() {
      peer_ = std::make_shared<CapturedPeer>();
      id_ = site_->sessions_->Connect(peer_);
      return *this;
    }
    Process& Say(const ServicesRequest& request) {
      site_->sessions_->OnMessage(id_, request, site_->clock_.Monotonic());
      return *this;
    }
    Process& SayHello() {
      if (peer_ == nullptr || peer_->closed) Connect();
      ServicesRequest request;
      *request.mutable_hello() = hello_;
      return Say(request);
    }
    Process& Welcomed() {
      SayHello();
      EXPECT_TRUE(Last().has_welcome()) << Last().ShortDebugString();
      return *this;
    }
    cluster::v1::Granted Claim() {
      ServicesRequest request;
      *request.mutable_claim() = claim_;
      Say(request);
      EXPECT_TRUE(Last().has_granted()) << Last().ShortDebugString();
      return Last().granted();
    }
    cluster::v1::Refused ClaimRefused() {
      ServicesRequest request;
      *request.mutable_claim() = claim_;
      Say(request);
      EXPECT_TRUE(Last().has_refused()) << Last().ShortDebugString();
      return Last().refused();
    }
    Process& Listening(uint32_t port) {
      ServicesRequest request;
      request.mutable_listening()->set_claim_id(claim_.claim_id());
      request.mutable_listening()->set_port(port);
      return Say(request);
    }
    Process& Renew(uint64_t number = 1) {
      ServicesRequest request;
      request.mutable_renew()->set_number(number);
      return Say(request);
    }
    Process& Release() {
      ServicesRequest request;
      request.mutable_release()->set_claim_id(claim_.claim_id());
      return Say(request);
    }
    void Drop() { site_->sessions_->OnClosed(id_); }
    const ServicesReply& Last() const {
      return peer_->replies.empty() ? ServicesReply::default_instance() : peer_->replies.back();
    }
    std::string token() const {
      for (const ServicesReply& reply : peer_->replies) {
        if (reply.has_welcome()) return reply.welcome().tunnel_token();
      }
      return "";
    }

   private:
    ServiceSessionsTest* const site_;
    const std::string nonce_;
    cluster::v1::ServicesHello hello_;
    cluster::v1::Claim claim_;
    std::shared_ptr<CapturedPeer> peer_;
    uint64_t id_ = 0;
  };
  int processes_ = 0;
};

TEST_F(ServiceSessionsTest, WelcomeTellsWhatTheProcessMustKnow) {
  Process exec(this, "node1");
  exec.Welcomed();
  const cluster::v1::ServicesWelcome& welcome = exec.Last().welcome();
  EXPECT_EQ(welcome.node(), "node1");
  EXPECT_EQ(welcome.store_id(), "store");
  EXPECT_EQ(welcome.lease_nanos(), 60'000'000'000);
  EXPECT_EQ(welcome.renew_nanos(), 20'000'000'000);
  EXPECT_EQ(welcome.claims_max(), 3u);
  EXPECT_THAT(welcome.tunnel_token(), SizeIs(32));
}

TEST_F(ServiceSessionsTest, FromClaimToLive) {
  Process exec(this, "node 1");
  const cluster::v1::Granted granted = exec.Welcomed().Claim();
  EXPECT_EQ(granted.service(), "tensorboard");
  EXPECT_EQ(granted.port(), 6006u);
  EXPECT_EQ(granted.prefix(), "/tb/node/node%201/tensorboard");
  EXPECT_EQ(granted.opens_at(), "/tb/node/node%201/tensorboard/");
  EXPECT_EQ(granted.url(), "http://head:6060/tb/node/node%201/tensorboard/");
  EXPECT_EQ(granted.mode(), cluster::v1::SERVICE_MODE_KEEP);
  EXPECT_EQ(granted.conflict(), "");
  EXPECT_EQ(StatusOf("node 1", "tensorboard").state, ServiceState::kStarting);
  exec.Listening(6006);
  const ServiceStatus status = StatusOf("node 1", "tensorboard");
  EXPECT_EQ(status.state, ServiceState::kLive);
  EXPECT_EQ(status.session, exec.id());
  EXPECT_EQ(status.port, 6006);
  EXPECT_EQ(status.pid, 4711);
  EXPECT_EQ(status.user, "ann");
  EXPECT_EQ(status.command, "tensorboard --logdir x");
  exec.Release();
  EXPECT_EQ(StatusOf("node 1", "tensorboard").service, "");
}

TEST_F(ServiceSessionsTest, AModeThatNobodyNamedIsAnOriginOfItsOwn) {
  Process exec(this, "node1");
  exec.claim()->set_mode(cluster::v1::SERVICE_MODE_UNSPECIFIED);
  const cluster::v1::Granted granted = exec.Welcomed().Claim();
  EXPECT_EQ(granted.mode(), cluster::v1::SERVICE_MODE_HOST);
  EXPECT_EQ(granted.prefix(), "");
  EXPECT_EQ(granted.opens_at(), "tensorboard--node1");
  EXPECT_EQ(granted.url(), "http://head:6060/tb/node/node1/tensorboard/");
}

TEST_F(ServiceSessionsTest, TheOwnPortIsNobodysAndNoService) {
  EXPECT_FALSE(board_.Get()->services.contains({"head", "collector"}));
  Process node(this, "node1");
  node.claim()->set_wish(6060);
  EXPECT_THAT(node.Welcomed().Claim().conflict(), HasSubstr("head/collector"));
}

TEST_F(ServiceSessionsTest, AConflictIsTold) {
  Process one(this, "node1");
  one.Welcomed().Claim();
  Process two(this, "node2");
  const cluster::v1::Granted granted = two.Welcomed().Claim();
  EXPECT_EQ(granted.port(), 6007u);
  EXPECT_THAT(granted.conflict(), HasSubstr("node1/tensorboard (pid 4711, ann)"));
  commit_.RunAll();
  EXPECT_THAT(board_.Get()->conflicts, SizeIs(1));
  EXPECT_THAT(metrics_registry_.Text(), HasSubstr("tributary_collector_port_conflicts 1"));
}

TEST_F(ServiceSessionsTest, FixedIsRefusedButTheSessionGoesOn) {
  Process one(this, "node1");
  one.Welcomed().Claim();
  Process two(this, "node2");
  two.claim()->set_fixed(true);
  const cluster::v1::Refused refused = two.Welcomed().ClaimRefused();
  EXPECT_EQ(refused.reason(), cluster::v1::REFUSED_REASON_PORT_TAKEN);
  EXPECT_EQ(refused.claim_id(), 1u);
  EXPECT_THAT(refused.detail(), HasSubstr("node1/tensorboard"));
  EXPECT_FALSE(two.ended());
  two.claim()->set_fixed(false);
  two.Claim();
}

TEST_F(ServiceSessionsTest, RenewedItLivesOn) {
  Process exec(this, "node1");
  exec.Welcomed().Claim();
  exec.Listening(6006);
  for (int i = 0; i < 20; ++i) {
    Pass(absl::Seconds(20));
    exec.Renew(static_cast<uint64_t>(i));
    EXPECT_EQ(exec.Last().renewed().number(), static_cast<uint64_t>(i));
  }
  EXPECT_EQ(StatusOf("node1", "tensorboard").state, ServiceState::kLive);
}

TEST_F(ServiceSessionsTest, ALeaseThatRanOutIsToldAndCanBeClaimedAgain) {
  Process exec(this, "node1");
  exec.Welcomed().Claim();
  exec.Listening(6006);
  Pass(absl::Seconds(61));
  EXPECT_EQ(exec.Last().refused().reason(), cluster::v1::REFUSED_REASON_LOST);
  EXPECT_EQ(exec.Last().refused().claim_id(), 1u);
  EXPECT_EQ(StatusOf("node1", "tensorboard").state, ServiceState::kStale);
  exec.Listening(6006);
  EXPECT_EQ(exec.Last().refused().reason(), cluster::v1::REFUSED_REASON_LOST);
  exec.claim()->set_listens_on(6006);
  exec.claim()->set_held_service("tensorboard");
  EXPECT_EQ(exec.Claim().port(), 6006u);
}

TEST_F(ServiceSessionsTest, ALostSessionLeavesAStaleService) {
  Process exec(this, "node1");
  exec.Welcomed().Claim();
  exec.Listening(6006);
  exec.Drop();
  const ServiceStatus status = StatusOf("node1", "tensorboard");
  EXPECT_EQ(status.state, ServiceState::kStale);
  EXPECT_EQ(status.session, 0u);
  EXPECT_THAT(metrics_registry_.Text(), HasSubstr("tributary_collector_ports_lost_total 1"));
}

TEST_F(ServiceSessionsTest, ThoseThatComeBackAfterARestartGetTheSame) {
  Process one(this, "node1");
  one.Welcomed().Claim();
  Process two(this, "node2");
  EXPECT_EQ(two.Welcomed().Claim().port(), 6007u);
  Restart();
  two.claim()->set_listens_on(6007);
  two.claim()->set_held_service("tensorboard");
  two.Connect().Welcomed();
  const cluster::v1::Granted granted = two.Claim();
  EXPECT_EQ(granted.service(), "tensorboard");
  EXPECT_EQ(granted.port(), 6007u);
  EXPECT_EQ(granted.opens_at(), "/tb/node/node2/tensorboard/");
}

TEST_F(ServiceSessionsTest, ACollectorThatStopsLeavesTheLeases) {
  Process one(this, "node1");
  one.Welcomed().Claim();
  sessions_->Stop("the collector stops");
  EXPECT_TRUE(one.ended());
  EXPECT_EQ(one.Last().refused().reason(), cluster::v1::REFUSED_REASON_STOPPING);
  Process two(this, "node2");
  two.Connect();
  EXPECT_EQ(two.Last().refused().reason(), cluster::v1::REFUSED_REASON_STOPPING);
  commit_.RunAll();
  Restart();
  // Not stale: another process of the node does not get the name.
  Process stranger(this, "node1");
  EXPECT_EQ(stranger.Welcomed().Claim().service(), "tensorboard~2");
}

TEST_F(ServiceSessionsTest, TheSameProcessReplacesItsOlderSession) {
  Process exec(this, "node1");
  exec.Welcomed().Claim();
  const std::string first_token = exec.token();
  const uint64_t first = exec.id();
  exec.Connect().Welcomed();
  EXPECT_NE(exec.id(), first);
  EXPECT_FALSE(sessions_->SessionOfToken(first_token).ok());
  exec.claim()->set_held_service("tensorboard");
  EXPECT_EQ(exec.Claim().service(), "tensorboard");
}

TEST_F(ServiceSessionsTest, ATokenIsGoodWhileItsSessionLives) {
  Process exec(this, "node1");
  exec.Welcomed();
  const auto session = sessions_->SessionOfToken(exec.token());
  ASSERT_TRUE(session.ok());
  EXPECT_EQ(*session, exec.id());
  EXPECT_TRUE(absl::IsUnauthenticated(sessions_->SessionOfToken("other").status()));
  EXPECT_TRUE(absl::IsUnauthenticated(sessions_->SessionOfToken("").status()));
  exec.Drop();
  EXPECT_TRUE(absl::IsUnauthenticated(sessions_->SessionOfToken(exec.token()).status()));
}

// Names of nodes.

TEST_F(ServiceSessionsTest, AnotherMachineOfTheName) {
  Process one(this, "node1");
  one.Welcomed();
  Process two(this, "node1");
  two.hello()->mutable_node()->set_machine_id("another");
  two.hello()->mutable_node()->set_boot_id("another");
  two.Welcomed();
  EXPECT_EQ(two.Last().welcome().node(), "node1~2");
  EXPECT_EQ(two.Claim().prefix(), "/tb/node/node1~2/tensorboard");
}

TEST_F(ServiceSessionsTest, Fault5_TheMachineBeforeItsPowerCutIsAskedAndMakesRoom) {
  Process before(this, "node1");
  before.Welcomed().Claim();
  Pass(absl::Seconds(10));
  Process after(this, "node1");
  after.hello()->mutable_node()->set_boot_id("boot after the power cut");
  after.SayHello();
  EXPECT_EQ(after.Last().refused().reason(), cluster::v1::REFUSED_REASON_BUSY);
  commit_.RunAll();
  EXPECT_TRUE(before.Last().has_probe());
  Pass(absl::Seconds(6));
  EXPECT_TRUE(before.ended());
  after.Welcomed();
  EXPECT_EQ(after.Last().welcome().node(), "node1");
  EXPECT_EQ(after.Claim().service(), "tensorboard");
}

TEST_F(ServiceSessionsTest, OneThatAnswersTheProbeKeepsItsName) {
  Process before(this, "node1");
  before.Welcomed();
  Pass(absl::Seconds(10));
  Process other(this, "node1");
  other.hello()->mutable_node()->set_machine_id("another");
  other.hello()->mutable_node()->set_boot_id("another");
  other.SayHello();
  commit_.RunAll();
  clock_.Advance(absl::Milliseconds(5));
  before.Renew();
  Pass(absl::Seconds(1));
  other.Welcomed();
  EXPECT_EQ(other.Last().welcome().node(), "node1~2");
  Pass(absl::Seconds(10));
  EXPECT_FALSE(before.ended());
}

// What is refused.

TEST_F(ServiceSessionsTest, Malformed_Hello) {
  const auto refused = [this](const std::function<void(cluster::v1::ServicesHello*)>& change) {
    Process exec(this, "node1");
    change(exec.hello());
    exec.SayHello();
    EXPECT_TRUE(exec.ended());
    return exec.Last().refused().reason();
  };
  using cluster::v1::ServicesHello;
  EXPECT_EQ(refused([](ServicesHello* hello) { hello->set_protocol_version(0); }),
            cluster::v1::REFUSED_REASON_VERSION);
  EXPECT_EQ(refused([](ServicesHello* hello) { hello->set_store_id("other"); }),
            cluster::v1::REFUSED_REASON_WRONG_STORE);
  EXPECT_EQ(refused([](ServicesHello* hello) { hello->clear_process_nonce(); }),
            cluster::v1::REFUSED_REASON_PROTOCOL);
  EXPECT_EQ(refused([](ServicesHello* hello) { hello->mutable_node()->clear_name(); }),
            cluster::v1::REFUSED_REASON_PROTOCOL);
  EXPECT_EQ(refused([](ServicesHello* hello) { hello->mutable_node()->set_name("a/b"); }),
            cluster::v1::REFUSED_REASON_PROTOCOL);
  EXPECT_EQ(
      refused([](ServicesHello* hello) { hello->mutable_node()->set_name(std::string(201, 'a')); }),
      cluster::v1::REFUSED_REASON_LIMIT);
  EXPECT_EQ(refused([](ServicesHello* hello) { hello->set_process_nonce(std::string(201, 'a')); }),
            cluster::v1::REFUSED_REASON_LIMIT);
}

TEST_F(ServiceSessionsTest, Malformed_OrderOfMessages) {
  Process early(this, "node1");
  early.Connect().Renew();
  EXPECT_EQ(early.Last().refused().reason(), cluster::v1::REFUSED_REASON_PROTOCOL);
  EXPECT_TRUE(early.ended());
  Process twice(this, "node1");
  twice.Welcomed();
  ServicesRequest hello;
  *hello.mutable_hello() = *twice.hello();
  twice.Say(hello);
  EXPECT_TRUE(twice.ended());
  // Of a later protocol.
  Process later(this, "node1");
  later.Welcomed().Say(ServicesRequest());
  EXPECT_FALSE(later.ended());
  // After the end nothing is heard.
  early.Renew();
  EXPECT_THAT(early.replies(), SizeIs(1));
}

TEST_F(ServiceSessionsTest, Malformed_Claims) {
  Process exec(this, "node1");
  exec.Welcomed();
  exec.claim()->set_wish(65'536);
  EXPECT_EQ(exec.ClaimRefused().reason(), cluster::v1::REFUSED_REASON_LIMIT);
  exec.claim()->set_wish(6006);
  exec.claim()->set_service("a b");
  EXPECT_EQ(exec.ClaimRefused().reason(), cluster::v1::REFUSED_REASON_NAME);
  exec.claim()->set_service("tensorboard");
  for (int i = 0; i < 2'001; ++i) exec.claim()->add_taken(6006);
  EXPECT_EQ(exec.ClaimRefused().reason(), cluster::v1::REFUSED_REASON_LIMIT);
  exec.claim()->clear_taken();
  exec.claim()->add_taken(70'000);
  EXPECT_EQ(exec.ClaimRefused().reason(), cluster::v1::REFUSED_REASON_LIMIT);
  exec.claim()->clear_taken();
  exec.claim()->set_user(std::string(201, 'u'));
  EXPECT_EQ(exec.ClaimRefused().reason(), cluster::v1::REFUSED_REASON_LIMIT);
  exec.claim()->set_user("ann");
  for (const char* path : {"tb", "/tb/", "/", "//tb", "/t b", "/tb\r\nX: y", "/tb?x", "/tb#x"}) {
    exec.claim()->set_base_path(path);
    EXPECT_EQ(exec.ClaimRefused().reason(), cluster::v1::REFUSED_REASON_NAME) << path;
  }
  exec.claim()->set_base_path("/" + std::string(200, 't'));
  EXPECT_EQ(exec.ClaimRefused().reason(), cluster::v1::REFUSED_REASON_LIMIT);
  exec.claim()->clear_base_path();
  exec.Claim();
  exec.Listening(6007);
  EXPECT_EQ(exec.Last().refused().reason(), cluster::v1::REFUSED_REASON_PROTOCOL);
  EXPECT_TRUE(exec.ended());
}

TEST_F(ServiceSessionsTest, ThereIsALimitOfClaimsAndOfSessions) {
  Process exec(this, "node1");
  exec.Welcomed();
  for (uint32_t i = 1; i <= 3; ++i) {
    exec.claim()->set_claim_id(i);
    exec.Claim();
  }
  exec.claim()->set_claim_id(4);
  EXPECT_EQ(exec.ClaimRefused().reason(), cluster::v1::REFUSED_REASON_LIMIT);
  std::vector<std::unique_ptr<Process>> crowd;
  for (int i = 0; i < 100; ++i) {
    crowd.push_back(std::make_unique<Process>(this, "node1"));
    crowd.back()->Connect();
  }
  EXPECT_EQ(crowd.back()->Last().refused().reason(), cluster::v1::REFUSED_REASON_BUSY);
  // Those that say nothing make room.
  Pass(absl::Seconds(21));
  EXPECT_TRUE(crowd.front()->ended());
  Process late(this, "node1");
  late.Welcomed();
}

TEST_F(ServiceSessionsTest, ALongCommandIsCutAtACharacter) {
  Process exec(this, "node1");
  exec.claim()->set_command(std::string(999, 'a') + "\xc3\xa4\xc3\xa4");
  exec.Welcomed().Claim();
  EXPECT_EQ(StatusOf("node1", "tensorboard").command, std::string(999, 'a'));
}

TEST_F(ServiceSessionsTest, ARegistryWithoutSpaceIsNoEnd) {
  Process exec(this, "node1");
  exec.Welcomed();
  registry_.FailCommit(FakeRegistry::Fate::kNoSpace);
  EXPECT_EQ(exec.ClaimRefused().reason(), cluster::v1::REFUSED_REASON_BUSY);
  EXPECT_FALSE(exec.ended());
  EXPECT_TRUE(fatal_.ok());
  exec.Claim();
}

TEST_F(ServiceSessionsTest, ARegistryThatCannotBeTrustedIs) {
  Process exec(this, "node1");
  exec.Welcomed();
  registry_.FailCommit(FakeRegistry::Fate::kLostUnknown);
  exec.ClaimRefused();
  EXPECT_FALSE(fatal_.ok());
}

}  // namespace
}  // namespace tributary::gateway
