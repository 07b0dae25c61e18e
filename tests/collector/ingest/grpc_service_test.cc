// The collector's service over real sockets of this machine: what gRPC adds to the sessions, and
// what a client can do to it.
#include "collector/ingest/grpc_service.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <deque>
#include <functional>
#include <thread>

#include "agent/grpc_transport.h"
#include "collector/registry/sqlite_registry.h"
#include "collector/store/store.h"
#include "common/mutex.h"
#include "common/thread_task_queue.h"
#include "tests/support/capture_logger.h"
#include "tests/support/event_file_builder.h"
#include "tests/support/temporary_directory.h"
#include "tributary/ingest/v1/ingest.grpc.pb.h"

namespace tributary {
namespace {

using ingest::v1::AgentMessage;
using ingest::v1::CollectorMessage;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kPath[] = "run/events.out.tfevents.1700000000.h.1.0";
// Far longer than anything here takes; only a test that fails waits for it.
constexpr absl::Duration kLong = absl::Seconds(30);

// A port of this machine whose connections go to the server, as the port mux hands them over.
class Door {
 public:
  explicit Door(std::function<void(int)> adopt) : adopt_(std::move(adopt)) {
    listener_ = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in6 address = {};
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_loopback;
    CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0, errno);
    CHECK(listen(listener_, 64) == 0, errno);
    socklen_t length = sizeof(address);
    CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) == 0, errno);
    address_ = absl::StrCat("[::1]:", ntohs(address.sin6_port));
    CHECK(pipe2(stop_, O_CLOEXEC) == 0, errno);
    thread_ = std::thread([this] { Run(); });
  }
  ~Door() {
    close(stop_[1]);
    thread_.join();
    close(stop_[0]);
    close(listener_);
  }
  const std::string& address() const { return address_; }

 private:
  void Run() {
    for (;;) {
      pollfd waits[] = {{listener_, POLLIN, 0}, {stop_[0], POLLIN, 0}};
      if (poll(waits, 2, -1) < 0) continue;
      if (waits[1].revents != 0) return;
      const int connected = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (connected >= 0) adopt_(connected);
    }
  }
  const std::function<void(int)> adopt_;
  int listener_ = -1;
  int stop_[2] = {-1, -1};
  std::string address_;
  std::thread thread_;
};

// Something that other threads make true.
class Condition {
 public:
  // False if it is not true in good time.
  bool Await(const std::function<bool()>& holds) ABSL_LOCKS_EXCLUDED(mu_) {
    const absl::Duration deadline = RealClock()->Monotonic() + kLong;
    while (!holds()) {
      if (RealClock()->Monotonic() > deadline) return false;
      MutexLock lock(&mu_);
      changed_.WaitFor(&mu_, absl::Milliseconds(2));
    }
    return true;
  }

 private:
  Mutex mu_;
  CondVar changed_;
};

bool Eventually(const std::function<bool()>& holds) { return Condition().Await(holds); }

// A collector's ingest on real threads, with the store of a directory, behind a real port.
class Collector {
 public:
  explicit Collector(const std::string& data_dir, Ingest::Options options = {},
                     const GrpcServer::Options& grpc_options = {})
      : metrics(&metrics_registry),
        index(Index::Make({})),
        session("session", RealClock()),
        commit("commit", RealClock()),
        asset("asset", RealClock()) {
    auto opened = SqliteRegistry::Open(data_dir);
    CHECK(opened.ok(), opened.status().message());
    registry = *std::move(opened);
    Store::Options store_options;
    store_options.data_dir = data_dir;
    store_options.data_free_min_bytes = 0;
    auto store_opened =
        Store::Open(store_options, {RealFileSystem(), RealClock(), &random, registry.get()});
    CHECK(store_opened.ok(), store_opened.status().message());
    store = *std::move(store_opened);
    Ingest::Dependencies deps;
    deps.store = store.get();
    deps.index = index.get();
    deps.files = RealFileSystem();
    deps.clock = RealClock();
    deps.board = &board;
    deps.nodes = &nodes;
    deps.decisions = &decisions;
    deps.metrics = &metrics;
    deps.log = &log;
    deps.session = &session;
    deps.commit = &commit;
    deps.asset = &asset;
    for (int i = 0; i < store_options.shards; ++i) {
      shard_queues.push_back(std::make_unique<ThreadTaskQueue>("shard", RealClock()));
      deps.shards.push_back(shard_queues.back().get());
    }
    deps.on_fatal = [](const absl::Status& status) { CHECK(false, "fatal: ", status.message()); };
    options.start_nonce = "nonce";
    options.collector_version = "test";
    options.publish_interval = absl::Milliseconds(20);
    ingest = std::make_unique<Ingest>(options, deps);
    auto started = GrpcServer::Start(grpc_options, ingest.get());
    CHECK(started.ok(), started.status().message());
    server = *std::move(started);
    ingest->Start();
    door = std::make_unique<Door>([this](int socket) { server->Adopt(socket); });
  }
  // As the program ends.
  ~Collector() {
    door.reset();
    Condition condition;
    std::atomic<bool> done{false};
    ingest->Stop("the collector stops", [&done] { done = true; });
    EXPECT_TRUE(condition.Await([&done] { return done.load(); }));
    server->Stop(absl::Seconds(2));
    session.Stop();
    for (auto& queue : shard_queues) queue->Stop();
    asset.Stop();
    commit.Stop();
  }

  const std::string& address() const { return door->address(); }
  // Live sessions as viewers see them.
  size_t agents() {
    size_t count = 0;
    for (const NodeStatus& node : board.Get()->nodes) count += node.agents.size();
    return count;
  }

  CaptureLogger log;
  SystemRandom random;
  MetricsRegistry metrics_registry;
  std::unique_ptr<SqliteRegistry> registry;
  std::unique_ptr<Store> store;
  IngestMetrics metrics;
  std::unique_ptr<Index> index;
  ClusterBoard board;
  NodePresence nodes;
  RunDecisionBoard decisions;
  std::unique_ptr<Ingest> ingest;
  std::vector<std::unique_ptr<ThreadTaskQueue>> shard_queues;
  ThreadTaskQueue session;
  ThreadTaskQueue commit;
  ThreadTaskQueue asset;
  std::unique_ptr<GrpcServer> server;
  std::unique_ptr<Door> door;
};

AgentMessage HelloOf(const std::string& node) {
  AgentMessage message;
  ingest::v1::Hello* hello = message.mutable_hello();
  hello->set_protocol_version(1);
  hello->set_agent_version("1.2.3");
  hello->set_agent_nonce(absl::StrCat("agent on ", node));
  hello->mutable_node()->set_name(node);
  hello->mutable_node()->set_machine_id(absl::StrCat("machine of ", node));
  hello->mutable_node()->set_boot_id(absl::StrCat("boot of ", node));
  hello->add_logdirs()->set_path("/logs");
  return message;
}

AgentMessage OpenOf(uint32_t number, const std::string& path) {
  AgentMessage message;
  ingest::v1::Open* open = message.mutable_open_batch()->add_opens();
  open->set_stream(number);
  open->set_kind(ingest::v1::STREAM_KIND_EVENT);
  open->set_path(path);
  open->set_run("node07/run");
  return message;
}

AgentMessage ChunkOf(uint32_t number, uint64_t offset, absl::string_view data) {
  AgentMessage message;
  ingest::v1::Slice* slice = message.mutable_chunk()->add_slices();
  slice->set_stream(number);
  slice->set_offset(offset);
  slice->set_data(std::string(data));
  return message;
}

// A client that does what the test says, and waits only where it reads.
class PlainClient {
 public:
  explicit PlainClient(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxSendMessageSize(-1);
    // So that "does not read" is felt at once.
    arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1024);
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    channel_ = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
    stub_ = ingest::v1::Ingest::NewStub(channel_);
  }
  ~PlainClient() {
    if (stream_ != nullptr) context_.TryCancel();
  }
  ingest::v1::Ingest::Stub* stub() { return stub_.get(); }
  grpc::ClientContext* context() { return &context_; }

  bool Write(const AgentMessage& message) {
    if (stream_ == nullptr) stream_ = stub_->Session(&context_);
    return stream_->Write(message);
  }
  // The next message for which `wanted` holds; nullopt if the call ends before.
  std::optional<CollectorMessage> ReadUntil(bool (CollectorMessage::*wanted)() const) {
    CollectorMessage message;
    while (stream_->Read(&message)) {
      if ((message.*wanted)()) return message;
    }
    return std::nullopt;
  }
  std::optional<CollectorMessage> Welcomed(const std::string& node) {
    Write(HelloOf(node));
    return ReadUntil(&CollectorMessage::has_welcome);
  }
  // Reads until both watermarks of stream 1 are at `offset`.
  bool AwaitDurable(uint64_t offset) {
    uint64_t received = 0;
    uint64_t durable = 0;
    while (received < offset || durable < offset) {
      const auto message = ReadUntil(&CollectorMessage::has_acks);
      if (!message.has_value()) return false;
      for (const auto& mark : message->acks().received()) received = mark.offset();
      for (const auto& mark : message->acks().durable()) durable = mark.offset();
    }
    return received == offset && durable == offset;
  }
  void HalfClose() { stream_->WritesDone(); }
  void Cancel() { context_.TryCancel(); }
  grpc::Status Finish() {
    CollectorMessage message;
    while (stream_->Read(&message)) {
    }
    const grpc::Status status = stream_->Finish();
    stream_.reset();
    return status;
  }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<ingest::v1::Ingest::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<AgentMessage, CollectorMessage>> stream_;
};

class GrpcServiceTest : public ::testing::Test {
 protected:
  TemporaryDirectory directory_;
};

TEST_F(GrpcServiceTest, ASessionFromHelloToGoodbye) {
  Collector collector(directory_.path());
  PlainClient client(collector.address());
  const auto welcome = client.Welcomed("node07");
  ASSERT_TRUE(welcome.has_value());
  EXPECT_EQ(welcome->welcome().node(), "node07");
  client.Write(OpenOf(1, kPath));
  const auto offers = client.ReadUntil(&CollectorMessage::has_offer_batch);
  ASSERT_TRUE(offers.has_value());
  EXPECT_EQ(offers->offer_batch().offers(0).offset(), 0u);
  client.Write(ChunkOf(1, 0, "0123456789"));
  EXPECT_TRUE(client.AwaitDurable(10));
  EXPECT_TRUE(Eventually([&] { return collector.agents() == 1; }));
  EXPECT_THAT(collector.board.Get()->nodes[0].agents[0].peer, StartsWith("[::1]:"));

  AgentMessage goodbye;
  goodbye.mutable_goodbye()->set_detail("done");
  client.Write(goodbye);
  EXPECT_TRUE(client.Finish().ok());
  EXPECT_TRUE(Eventually([&] { return collector.agents() == 0; }));
  const NodeStatus node = collector.board.Get()->nodes[0];
  EXPECT_EQ(node.state, "away");
  EXPECT_EQ(node.streams[0].durable_bytes, 10u);
}

TEST_F(GrpcServiceTest, LogLinesNameThePeerInPlain) {
  Collector collector(directory_.path());
  PlainClient client(collector.address());
  ASSERT_TRUE(client.Welcomed("node07").has_value());
  EXPECT_TRUE(collector.log.Contains("[::1]:"));
  EXPECT_FALSE(collector.log.Contains("%5B"));
}

TEST_F(GrpcServiceTest, DescribeNode_ListsStreamsAndKnowsNoOthers) {
  Collector collector(directory_.path());
  PlainClient client(collector.address());
  client.Welcomed("node07");
  client.Write(OpenOf(1, kPath));
  client.ReadUntil(&CollectorMessage::has_offer_batch);
  client.Write(ChunkOf(1, 0, "0123"));
  ASSERT_TRUE(client.AwaitDurable(4));

  ingest::v1::DescribeNodeRequest request;
  request.mutable_node()->set_name("node07");
  ingest::v1::DescribeNodeResponse response;
  grpc::ClientContext known;
  ASSERT_TRUE(client.stub()->DescribeNode(&known, request, &response).ok());
  EXPECT_EQ(response.store_id(), collector.store->store_id());
  ASSERT_EQ(response.streams_size(), 1);
  EXPECT_EQ(response.streams(0).path(), kPath);
  EXPECT_EQ(response.streams(0).durable(), 4u);
  ASSERT_EQ(response.agents_size(), 1);
  EXPECT_EQ(response.agents(0).version(), "1.2.3");
  EXPECT_EQ(response.agents(0).logdirs(0).path(), "/logs");

  request.mutable_node()->set_name("nobody");
  grpc::ClientContext unknown;
  const grpc::Status status = client.stub()->DescribeNode(&unknown, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("nobody"));
}

TEST_F(GrpcServiceTest, DescribeCollector_IsAnsweredWithoutAStoreToo) {
  GrpcServer::Options options;
  options.describe = [] {
    ingest::v1::DescribeCollectorResponse response;
    response.set_collector_version("1.2.3");
    return response;
  };
  auto server = GrpcServer::Start(options, nullptr);
  ASSERT_TRUE(server.ok());
  {
    Door door([&](int socket) { (*server)->Adopt(socket); });
    PlainClient client(door.address());
    grpc::ClientContext context;
    ingest::v1::DescribeCollectorResponse response;
    EXPECT_TRUE(client.stub()->DescribeCollector(&context, {}, &response).ok());
    EXPECT_EQ(response.collector_version(), "1.2.3");
  }
  (*server)->Stop(absl::Seconds(1));
}

TEST_F(GrpcServiceTest, WithoutAStoreEveryCallSaysWhatToDo) {
  auto server = GrpcServer::Start({}, nullptr);
  ASSERT_TRUE(server.ok());
  {
    Door door([&](int socket) { (*server)->Adopt(socket); });
    PlainClient client(door.address());
    client.Write(HelloOf("node07"));
    const grpc::Status session = client.Finish();
    EXPECT_EQ(session.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
    EXPECT_THAT(session.error_message(), HasSubstr("--data"));
    grpc::ClientContext context;
    ingest::v1::DescribeNodeResponse response;
    EXPECT_EQ(client.stub()->DescribeNode(&context, {}, &response).error_code(),
              grpc::StatusCode::FAILED_PRECONDITION);
  }
  (*server)->Stop(absl::Seconds(1));
}

TEST_F(GrpcServiceTest, Fault36_AMessageOverTheLimitEndsTheCallAndNothingElse) {
  Collector collector(directory_.path());
  PlainClient other(collector.address());
  ASSERT_TRUE(other.Welcomed("other").has_value());
  PlainClient client(collector.address());
  ASSERT_TRUE(client.Welcomed("node07").has_value());
  client.Write(ChunkOf(1, 0, std::string(17u << 20, 'x')));
  EXPECT_EQ(client.Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  other.Write(OpenOf(1, kPath));
  EXPECT_TRUE(other.ReadUntil(&CollectorMessage::has_offer_batch).has_value());
}

TEST_F(GrpcServiceTest, Fault36_BytesThatAreNoMessageEndTheCallAndNothingElse) {
  Collector collector(directory_.path());
  PlainClient other(collector.address());
  ASSERT_TRUE(other.Welcomed("other").has_value());
  auto channel = grpc::CreateChannel(collector.address(), grpc::InsecureChannelCredentials());
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  auto call = stub.PrepareCall(&context, "/tributary.ingest.v1.Ingest/Session", &queue);
  void* tag = nullptr;
  bool ok = false;
  call->StartCall(nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok));
  const grpc::Slice garbage(std::string(1000, '\xff'));
  call->Write(grpc::ByteBuffer(&garbage, 1), nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok));
  grpc::Status status;
  call->Finish(&status, nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok));
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  other.Write(OpenOf(1, kPath));
  EXPECT_TRUE(other.ReadUntil(&CollectorMessage::has_offer_batch).has_value());
}

TEST_F(GrpcServiceTest, Fault41_CompressedMessagesAreRefusedBeforeTheyGrow) {
  Collector collector(directory_.path());
  PlainClient client(collector.address());
  client.context()->set_compression_algorithm(GRPC_COMPRESS_GZIP);
  client.Write(ChunkOf(1, 0, std::string(15u << 20, '\0')));
  EXPECT_EQ(client.Finish().error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(GrpcServiceTest, Fault1_AClientThatVanishesLeavesWhatItSent) {
  Collector collector(directory_.path());
  {
    PlainClient client(collector.address());
    client.Welcomed("node07");
    client.Write(OpenOf(1, kPath));
    client.ReadUntil(&CollectorMessage::has_offer_batch);
    client.Write(ChunkOf(1, 0, "0123"));
    ASSERT_TRUE(client.AwaitDurable(4));
    ASSERT_TRUE(Eventually([&] { return collector.agents() == 1; }));
    client.Cancel();
  }
  EXPECT_TRUE(Eventually([&] { return collector.agents() == 0; }));
  PlainClient again(collector.address());
  again.Welcomed("node07");
  again.Write(OpenOf(1, kPath));
  const auto offers = again.ReadUntil(&CollectorMessage::has_offer_batch);
  ASSERT_TRUE(offers.has_value());
  EXPECT_EQ(offers->offer_batch().offers(0).durable(), 4u);
}

TEST_F(GrpcServiceTest, AClientThatOnlyStopsSendingIsLetGo) {
  Collector collector(directory_.path());
  PlainClient client(collector.address());
  ASSERT_TRUE(client.Welcomed("node07").has_value());
  client.HalfClose();
  EXPECT_TRUE(client.Finish().ok());
  EXPECT_TRUE(Eventually([&] { return collector.agents() == 0; }));
}

// An agent that opens streams again and again and reads no answer: it is not read from any more
// once so much waits for it, and ends as silent.
TEST_F(GrpcServiceTest, Fault17_AClientThatNeverReadsIsHeldBackAndEnded) {
  Ingest::Options options;
  options.limits.dead_after = absl::Seconds(2);
  options.limits.heartbeat = absl::Milliseconds(500);
  GrpcServer::Options grpc_options;
  grpc_options.unread_bytes_max = 64u << 10;
  grpc_options.close_grace = absl::Milliseconds(100);
  Collector collector(directory_.path(), options, grpc_options);
  PlainClient client(collector.address());
  ASSERT_TRUE(client.Welcomed("node07").has_value());
  // One slice for each of many streams that were never opened: a long answer for each.
  AgentMessage chunk;
  for (uint32_t i = 0; i < 4000; ++i) {
    ingest::v1::Slice* slice = chunk.mutable_chunk()->add_slices();
    slice->set_stream(i);
    slice->set_data("x");
  }
  uint64_t taken = 0;
  // The last Write fails, when the collector ended the call.
  std::thread writer([&] {
    for (int i = 0; i < 10'000 && client.Write(chunk); ++i) ++taken;
  });
  EXPECT_TRUE(Eventually([&] { return collector.agents() == 0; }));
  writer.join();
  EXPECT_LT(taken, 10'000u);
  EXPECT_TRUE(collector.log.Contains("silent for"));
  // Others are served.
  PlainClient other(collector.address());
  EXPECT_TRUE(other.Welcomed("other").has_value());
}

TEST_F(GrpcServiceTest, StopSaysGoodbyeAndEndsEveryCall) {
  auto collector = std::make_unique<Collector>(directory_.path());
  PlainClient first(collector->address());
  ASSERT_TRUE(first.Welcomed("first").has_value());
  PlainClient second(collector->address());
  ASSERT_TRUE(second.Welcomed("second").has_value());
  collector.reset();
  EXPECT_TRUE(first.ReadUntil(&CollectorMessage::has_goodbye).has_value());
  EXPECT_TRUE(first.Finish().ok());
  EXPECT_TRUE(second.ReadUntil(&CollectorMessage::has_goodbye).has_value());
}

// What the agent's own transport tells.
class TransportEventsOfTest : public agent::TransportEvents {
 public:
  void OnConnected() override {
    Note([this] { ++connected_; });
  }
  void OnSent() override {
    Note([this] { ++sent_; });
  }
  void OnClosed(absl::Status) override {
    Note([this] { ++closed_; });
  }
  void OnMessage(CollectorMessage message) override {
    Note([this, &message] {
      if (message.has_offer_batch()) ++offers_;
      if (message.has_welcome()) ++welcomes_;
      for (const auto& mark : message.acks().durable()) durable_ = mark.offset();
    });
  }
  // Values as of now.
  int connected() { return Get(&connected_); }
  int sent() { return Get(&sent_); }
  int closed() { return Get(&closed_); }
  int welcomes() { return Get(&welcomes_); }
  int offers() { return Get(&offers_); }
  uint64_t durable() { return Get(&durable_); }

 private:
  void Note(absl::FunctionRef<void()> change) {
    MutexLock lock(&mu_);
    change();
  }
  template <typename T>
  T Get(T* value) {
    MutexLock lock(&mu_);
    return *value;
  }
  Mutex mu_;
  int connected_ = 0;
  int sent_ = 0;
  int closed_ = 0;
  int welcomes_ = 0;
  int offers_ = 0;
  uint64_t durable_ = 0;
};

TEST_F(GrpcServiceTest, Fault2_WhatWasAcknowledgedIsThereAfterARestart) {
  const std::string file = EventFileBuilder().FileVersion().Scalar("loss", Step(1), 0.5f).Build();
  for (int life = 0; life < 2; ++life) {
    Collector collector(directory_.path());

    TransportEventsOfTest events;
    ThreadTaskQueue queue("agent", RealClock());
    agent::GrpcTransportOptions transport_options;
    transport_options.address = collector.address();
    auto transport = agent::MakeGrpcTransport(transport_options, &queue);
    const auto send = [&](AgentMessage message) {
      const int before = events.sent();
      queue.Post([&transport, message = std::move(message)] { transport->Send(message); });
      return Eventually([&] { return events.sent() > before; });
    };
    queue.Post([&] { transport->Connect(&events); });
    ASSERT_TRUE(Eventually([&] { return events.connected() == 1; }));
    ASSERT_TRUE(send(HelloOf("node07")));
    ASSERT_TRUE(Eventually([&] { return events.welcomes() == 1; }));
    ASSERT_TRUE(send(OpenOf(1, kPath)));
    ASSERT_TRUE(Eventually([&] { return events.offers() == 1; }));
    if (life == 0) {
      ASSERT_TRUE(send(ChunkOf(1, 0, file)));
      ASSERT_TRUE(Eventually([&] { return events.durable() == file.size(); }));
    }
    ingest::v1::DescribeNodeRequest request;
    request.mutable_node()->set_name("node07");
    ingest::v1::DescribeNodeResponse response;
    grpc::ClientContext context;
    PlainClient client(collector.address());
    ASSERT_TRUE(client.stub()->DescribeNode(&context, request, &response).ok());
    ASSERT_EQ(response.streams_size(), 1);
    EXPECT_EQ(response.streams(0).durable(), file.size());
    EXPECT_EQ(response.streams(0).run(), "node07/run");
    queue.Post([&] { transport->Close(); });
    EXPECT_TRUE(Eventually([&] { return events.closed() == 1; }));
    queue.Stop();
  }
}

}  // namespace
}  // namespace tributary
