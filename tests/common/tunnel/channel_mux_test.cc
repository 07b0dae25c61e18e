#include "common/tunnel/channel_mux.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/random.h"

namespace tributary::tunnel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Notes what the owner of a channel is told.
class Owner : public ChannelEvents {
 public:
  void OnData(std::string bytes) override { data += bytes; }
  void OnEnd() override { ended = true; }
  void OnReset(const std::string& detail) override { reset = detail; }
  void OnRoom() override { ++rooms; }

  std::string data;
  bool ended = false;
  std::string reset;
  int rooms = 0;
};

class Tunnel : public MuxEvents {
 public:
  absl::Status OnHello(const std::string& token) override {
    hello = token;
    return refusal;
  }
  void OnReady() override { ready = true; }
  absl::StatusOr<ChannelEvents*> OnOpen(ChannelId channel, const std::string& service) override {
    opened.push_back(absl::StrCat(channel, ":", service));
    if (service == "unknown") return absl::NotFoundError("no such service here");
    return &owners[channel];
  }

  absl::Status refusal;
  std::string hello;
  bool ready = false;
  std::vector<std::string> opened;
  std::map<ChannelId, Owner> owners;
};

// Both ends, with frames that are carried when the test says so.
class ChannelMuxTest : public ::testing::Test {
 protected:
  ChannelMuxTest() { Make({}, {}); }

  static ChannelMux::Options Small(ChannelMux::Options options, ChannelMux::Side side) {
    options.side = side;
    options.token = "secret";
    return options;
  }
  void Make(ChannelMux::Options collector, ChannelMux::Options node) {
    collector_ = std::make_unique<ChannelMux>(Small(collector, ChannelMux::Side::kOpens), &pool_,
                                              &collector_events_, now_);
    node_ = std::make_unique<ChannelMux>(Small(node, ChannelMux::Side::kAccepts), nullptr,
                                         &node_events_, now_);
  }
  // Until neither has anything to say.
  void Carry() {
    for (bool some = true; some;) {
      some = false;
      while (std::optional<TunnelFrame> frame = node_->NextFrame()) {
        some = true;
        ASSERT_TRUE(collector_->OnFrame(*std::move(frame), now_).ok());
      }
      while (std::optional<TunnelFrame> frame = collector_->NextFrame()) {
        some = true;
        ASSERT_TRUE(node_->OnFrame(*std::move(frame), now_).ok());
      }
    }
  }
  ChannelId Open(Owner* owner) {
    const absl::StatusOr<ChannelId> id = collector_->Open("board", owner);
    EXPECT_TRUE(id.ok()) << id.status();
    return id.value_or(0);
  }
  static TunnelFrame DataFrame(ChannelId id, std::string bytes) {
    TunnelFrame frame;
    frame.set_channel(id);
    frame.set_data(std::move(bytes));
    return frame;
  }

  absl::Duration now_ = absl::Seconds(10);
  WindowPool pool_{1u << 20};
  Tunnel collector_events_;
  Tunnel node_events_;
  std::unique_ptr<ChannelMux> collector_;
  std::unique_ptr<ChannelMux> node_;
};

TEST_F(ChannelMuxTest, BytesTravelBothWaysAndEachSideEndsItsOwn) {
  Carry();
  EXPECT_EQ(collector_events_.hello, "secret");
  EXPECT_TRUE(node_events_.ready);
  Owner viewer;
  const ChannelId id = Open(&viewer);
  collector_->Send(id, "GET");
  Carry();
  EXPECT_THAT(node_events_.opened, ElementsAre("1:board"));
  Owner& service = node_events_.owners[id];
  EXPECT_EQ(service.data, "GET");
  collector_->End(id);
  Carry();
  EXPECT_TRUE(service.ended);
  node_->Send(id, "answer");
  Carry();
  EXPECT_EQ(viewer.data, "answer");
  EXPECT_FALSE(viewer.ended);
  node_->End(id);
  Carry();
  EXPECT_TRUE(viewer.ended);
  EXPECT_EQ(collector_->channels(), 0u);
  EXPECT_EQ(node_->channels(), 0u);
  // What comes later is of no effect.
  collector_->Consumed(id, 6);
  collector_->Reset(id, "late");
  EXPECT_EQ(collector_->Room(id), 0u);
  EXPECT_EQ(collector_->NextFrame(), std::nullopt);
}

TEST_F(ChannelMuxTest, NothingIsOpenedBeforeHello) {
  Owner viewer;
  EXPECT_EQ(collector_->Open("board", &viewer).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ChannelMuxTest, ARefusedHelloEndsTheTunnel) {
  collector_events_.refusal = absl::UnauthenticatedError("no such session");
  EXPECT_EQ(collector_->OnFrame(*node_->NextFrame(), now_).code(),
            absl::StatusCode::kUnauthenticated);
}

TEST_F(ChannelMuxTest, AServiceThatDoesNotExistResetsItsChannelOnly) {
  Carry();
  Owner other;
  Owner viewer;
  const ChannelId good = Open(&other);
  ASSERT_TRUE(collector_->Open("unknown", &viewer).ok());
  Carry();
  EXPECT_EQ(viewer.reset, "no such service here");
  EXPECT_EQ(other.reset, "");
  EXPECT_GT(collector_->Room(good), 0u);
}

TEST_F(ChannelMuxTest, SendingStopsAtTheCreditAndGoesOnWithMore) {
  ChannelMux::Options small;
  small.window_bytes = small.window_bytes_max = 8192;
  Make(small, small);
  Carry();
  Owner viewer;
  const ChannelId id = Open(&viewer);
  Carry();
  Owner& service = node_events_.owners[id];
  EXPECT_EQ(node_->Room(id), 8192u);
  node_->Send(id, std::string(8192, 'a'));
  EXPECT_EQ(node_->Room(id), 0u);
  Carry();
  EXPECT_EQ(node_->Room(id), 0u);
  EXPECT_EQ(service.rooms, 0);
  collector_->Consumed(id, 1000);
  Carry();
  EXPECT_EQ(service.rooms, 0);  // credit goes back in halves of a window
  collector_->Consumed(id, 7000);
  Carry();
  EXPECT_EQ(service.rooms, 1);
  EXPECT_EQ(node_->Room(id), 8000u);
}

TEST_F(ChannelMuxTest, AFewBytesOfCreditAreNoRoom) {
  ChannelMux::Options small;
  small.window_bytes = small.window_bytes_max = 4096;
  Make(small, small);
  Carry();
  Owner viewer;
  const ChannelId id = Open(&viewer);
  Carry();
  node_->Send(id, std::string(4000, 'a'));
  EXPECT_EQ(node_->Room(id), 0u);
}

TEST_F(ChannelMuxTest, ChannelsTakeTurns) {
  Carry();
  Owner owners[3];
  for (Owner& owner : owners) Open(&owner);
  Carry();
  node_->Send(1, std::string(65536, 'a'));
  node_->Send(2, std::string(65536, 'b'));
  node_->Send(3, "small");
  node_->End(3);
  std::vector<std::string> order;
  while (const std::optional<TunnelFrame> frame = node_->NextFrame()) {
    order.push_back(absl::StrCat(frame->channel(), frame->has_end() ? " end" : ""));
  }
  EXPECT_THAT(order, ElementsAre("1", "2", "3", "3 end"));
}

TEST_F(ChannelMuxTest, ABulkChannelDelaysAnotherByOneFrame) {
  ChannelMux::Options wide;
  wide.window_bytes = wide.window_bytes_max = 1u << 20;
  Make(wide, wide);
  Carry();
  Owner owners[2];
  for (Owner& owner : owners) Open(&owner);
  Carry();
  node_->Send(1, std::string(128u << 10, 'a'));  // two frames
  node_->Send(2, "small");
  std::vector<ChannelId> order;
  while (const std::optional<TunnelFrame> frame = node_->NextFrame()) {
    order.push_back(frame->channel());
  }
  EXPECT_THAT(order, ElementsAre(1, 2, 1));
}

TEST_F(ChannelMuxTest, TheQueueOfAChannelIsBoundedAndTellsOfRoom) {
  ChannelMux::Options wide;
  wide.window_bytes = wide.window_bytes_max = 1u << 20;
  Make(wide, wide);
  Carry();
  Owner viewer;
  const ChannelId id = Open(&viewer);
  Carry();
  EXPECT_EQ(node_->Room(id), 128u << 10);
  node_->Send(id, std::string(node_->Room(id), 'x'));
  EXPECT_EQ(node_->Room(id), 0u);
  ASSERT_TRUE(node_->NextFrame().has_value());
  EXPECT_EQ(node_->Room(id), 64u << 10);
  EXPECT_EQ(node_events_.owners[id].rooms, 1);
}

TEST_F(ChannelMuxTest, AWindowGrowsWhileItLimitsAndFromThePoolOnly) {
  ChannelMux::Options options;
  options.window_bytes = 64u << 10;
  options.window_bytes_max = 256u << 10;
  Make(options, options);
  Carry();
  Owner viewer;
  const ChannelId id = Open(&viewer);
  Carry();
  for (int round = 0; round < 20; ++round) {
    while (const size_t room = node_->Room(id)) {
      node_->Send(id, std::string(std::min<size_t>(room, 65536), 'x'));
      Carry();
    }
    collector_->Consumed(id, viewer.data.size());
    viewer.data.clear();
    Carry();
  }
  EXPECT_EQ(pool_.left_bytes(), (1u << 20) - (192u << 10));
  // All of the window can be on its way at once now.
  uint64_t at_once = 0;
  while (const size_t room = node_->Room(id)) {
    at_once += std::min<size_t>(room, 65536);
    node_->Send(id, std::string(std::min<size_t>(room, 65536), 'x'));
    Carry();
  }
  EXPECT_EQ(at_once, 256u << 10);
  collector_->Reset(id, "enough");
  EXPECT_EQ(pool_.left_bytes(), 1u << 20);
}

TEST_F(ChannelMuxTest, ASlowReaderKeepsTheSmallWindow) {
  Carry();
  Owner viewer;
  const ChannelId id = Open(&viewer);
  Carry();
  for (int round = 0; round < 50; ++round) {
    if (const size_t room = node_->Room(id)) {
      node_->Send(id, std::string(std::min<size_t>(room, 1000), 'x'));
    }
    Carry();
    collector_->Consumed(id, viewer.data.size());
    viewer.data.clear();
  }
  EXPECT_EQ(pool_.left_bytes(), 1u << 20);
}

TEST_F(ChannelMuxTest, AResetGoesAtOnceAndDropsWhatWaits) {
  Carry();
  Owner viewer;
  const ChannelId id = Open(&viewer);
  Carry();
  node_->Send(id, "half an answ");
  node_->Reset(id, "connection refused by 127.0.0.1:6006");
  Carry();
  EXPECT_EQ(viewer.data, "");
  EXPECT_EQ(viewer.reset, "connection refused by 127.0.0.1:6006");
  EXPECT_EQ(collector_->channels(), 0u);
}

TEST_F(ChannelMuxTest, FramesUnderWayToAChannelThatWasResetAreIgnored) {
  Carry();
  Owner viewer;
  const ChannelId id = Open(&viewer);
  Carry();
  node_->Send(id, "answer");
  node_->End(id);
  collector_->Reset(id, "the viewer left");
  Carry();
  EXPECT_EQ(viewer.data, "");
  EXPECT_EQ(node_events_.owners[id].reset, "the viewer left");
}

TEST_F(ChannelMuxTest, CloseTellsEveryOwner) {
  Carry();
  Owner viewers[2];
  for (Owner& viewer : viewers) Open(&viewer);
  collector_->Close("the connection broke");
  for (const Owner& viewer : viewers) EXPECT_EQ(viewer.reset, "the connection broke");
  EXPECT_EQ(collector_->NextFrame(), std::nullopt);
  EXPECT_EQ(collector_->Open("board", &viewers[0]).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ChannelMuxTest, ChannelsAreLimited) {
  ChannelMux::Options few;
  few.channels_max = 2;
  Make(few, {});
  Carry();
  Owner viewers[3];
  Open(&viewers[0]);
  Open(&viewers[1]);
  EXPECT_EQ(collector_->Open("board", &viewers[2]).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(ChannelMuxTest, Pings_AreSentAndAnsweredAndSilenceIsNoticed) {
  Carry();
  now_ += absl::Seconds(5);
  ASSERT_TRUE(node_->Tick(now_).ok());
  const std::optional<TunnelFrame> ping = node_->NextFrame();
  ASSERT_TRUE(ping.has_value() && ping->has_ping());
  ASSERT_TRUE(collector_->OnFrame(*ping, now_).ok());
  const std::optional<TunnelFrame> answer = collector_->NextFrame();
  ASSERT_TRUE(answer.has_value() && answer->ping().answer());
  EXPECT_EQ(answer->ping().number(), ping->ping().number());
  ASSERT_TRUE(node_->OnFrame(*answer, now_).ok());
  EXPECT_EQ(node_->NextFrame(), std::nullopt);
  now_ += absl::Seconds(14);
  EXPECT_TRUE(node_->Tick(now_).ok());
  now_ += absl::Seconds(1);
  EXPECT_EQ(node_->Tick(now_).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(collector_->Tick(now_).code(), absl::StatusCode::kUnavailable);
}

TEST_F(ChannelMuxTest, Pings_NeverPileUp) {
  Carry();
  for (int i = 0; i < 100; ++i) {
    TunnelFrame ping;
    ping.mutable_ping()->set_number(static_cast<uint64_t>(i));
    now_ += absl::Seconds(6);
    ASSERT_TRUE(collector_->OnFrame(ping, now_).ok());
    ASSERT_TRUE(collector_->Tick(now_).ok());
  }
  int frames = 0;
  while (collector_->NextFrame().has_value()) ++frames;
  EXPECT_EQ(frames, 2);  // one of each kind
}

// --- What the other end must not do.

class ChannelMuxBreachTest : public ChannelMuxTest {
 protected:
  ChannelMuxBreachTest() {
    Carry();
    id_ = Open(&viewer_);
    Carry();
  }
  std::string BreachAtCollector(TunnelFrame frame) {
    return std::string(collector_->OnFrame(std::move(frame), now_).message());
  }
  ChannelId id_ = 0;
  Owner viewer_;
};

TEST_F(ChannelMuxBreachTest, Malicious_MoreThanTheCredit) {
  ASSERT_TRUE(collector_->OnFrame(DataFrame(id_, std::string(65536, 'x')), now_).ok());
  EXPECT_THAT(BreachAtCollector(DataFrame(id_, "x")), HasSubstr("credit of 0"));
}

TEST_F(ChannelMuxBreachTest, Malicious_TooLongAFrame) {
  EXPECT_THAT(BreachAtCollector(DataFrame(id_, std::string(65537, 'x'))), HasSubstr("of at most"));
}

TEST_F(ChannelMuxBreachTest, Malicious_EmptyData) {
  EXPECT_THAT(BreachAtCollector(DataFrame(id_, "")), HasSubstr("without any"));
}

TEST_F(ChannelMuxBreachTest, Malicious_ChannelsThatWereNeverOpened) {
  EXPECT_THAT(BreachAtCollector(DataFrame(id_ + 1, "x")), HasSubstr("never opened"));
  EXPECT_THAT(BreachAtCollector(DataFrame(0, "x")), HasSubstr("never opened"));
}

TEST_F(ChannelMuxBreachTest, Malicious_TheNodeOpensAChannel) {
  TunnelFrame frame;
  frame.set_channel(9);
  frame.mutable_open()->set_service("x");
  EXPECT_THAT(BreachAtCollector(frame), HasSubstr("only we do"));
}

TEST_F(ChannelMuxBreachTest, Malicious_AChannelIsOpenedTwice) {
  TunnelFrame frame;
  frame.set_channel(id_);
  frame.mutable_open()->set_service("x");
  EXPECT_THAT(node_->OnFrame(frame, now_).message(), HasSubstr("again"));
}

TEST_F(ChannelMuxBreachTest, Malicious_DataAfterTheEndAndTwoEnds) {
  TunnelFrame end;
  end.set_channel(id_);
  end.mutable_end();
  ASSERT_TRUE(collector_->OnFrame(end, now_).ok());
  EXPECT_THAT(BreachAtCollector(DataFrame(id_, "x")), HasSubstr("after its end"));
  EXPECT_THAT(BreachAtCollector(end), HasSubstr("twice"));
}

TEST_F(ChannelMuxBreachTest, Malicious_EndlessCredit) {
  TunnelFrame window;
  window.set_channel(id_);
  window.set_window(UINT64_MAX);
  EXPECT_THAT(BreachAtCollector(window), HasSubstr("beyond all bounds"));
}

TEST_F(ChannelMuxBreachTest, Malicious_HelloTwiceAndReadyFromANode) {
  TunnelFrame hello;
  hello.mutable_hello()->set_window_bytes(65536);
  EXPECT_THAT(BreachAtCollector(hello), HasSubstr("out of turn"));
  TunnelFrame ready;
  ready.mutable_ready()->set_window_bytes(65536);
  EXPECT_THAT(BreachAtCollector(ready), HasSubstr("out of turn"));
}

TEST_F(ChannelMuxBreachTest, Malicious_UnknownFramesAreOfALaterVersion) {
  EXPECT_TRUE(collector_->OnFrame(TunnelFrame(), now_).ok());
}

TEST_F(ChannelMuxBreachTest, Malicious_ACollectorThatOpensAndNeverReads) {
  absl::Status status;
  for (ChannelId id = 100; status.ok() && id < 100'000; ++id) {
    TunnelFrame frame;
    frame.set_channel(id);
    frame.mutable_open()->set_service("unknown");
    status = node_->OnFrame(frame, now_);
  }
  EXPECT_THAT(status.message(), HasSubstr("reads no answer"));
}

TEST_F(ChannelMuxBreachTest, Malicious_ImpossibleAgreements) {
  Make({}, {});
  TunnelFrame ready;
  ready.mutable_ready()->set_window_bytes(65536);
  ready.mutable_ready()->set_frame_bytes_max(1);
  ready.mutable_ready()->set_ping_nanos(1);
  ready.mutable_ready()->set_dead_after_nanos(2);
  EXPECT_THAT(node_->OnFrame(ready, now_).message(), HasSubstr("frames of 1"));
  ready.mutable_ready()->set_frame_bytes_max(65536);
  ready.mutable_ready()->set_ping_nanos(0);
  EXPECT_THAT(node_->OnFrame(ready, now_).message(), HasSubstr("impossible times"));
  ready.mutable_ready()->set_window_bytes(1);
  EXPECT_THAT(node_->OnFrame(ready, now_).message(), HasSubstr("window of 1"));
  TunnelFrame hello;
  hello.mutable_hello()->set_window_bytes(0);
  EXPECT_THAT(collector_->OnFrame(hello, now_).message(), HasSubstr("window of 0"));
  EXPECT_THAT(collector_->OnFrame(DataFrame(1, "x"), now_).message(), HasSubstr("before hello"));
}

// --- Random traffic against a model: what one owner sent, the other gets, in order and once.

class RandomOwner : public ChannelEvents {
 public:
  void OnData(std::string bytes) override {
    received += bytes;
    unconsumed += bytes.size();
  }
  void OnEnd() override { ended = true; }
  void OnReset(const std::string& detail) override { reset = detail; }
  void OnRoom() override { told_of_room = true; }

  std::string sent;
  std::string received;
  uint64_t unconsumed = 0;
  bool end_sent = false;
  bool ended = false;
  bool stuck = false;  // had no room when it wanted to send
  bool told_of_room = false;
  std::string reset;
};

struct End : public MuxEvents {
  absl::Status OnHello(const std::string&) override { return absl::OkStatus(); }
  void OnReady() override {}
  absl::StatusOr<ChannelEvents*> OnOpen(ChannelId channel, const std::string&) override {
    return &owners[channel];
  }
  std::map<ChannelId, RandomOwner> owners;
  std::deque<TunnelFrame> wire;  // to the other end
  std::unique_ptr<ChannelMux> mux;
};

void RunRandomTunnel(uint64_t seed) {
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  SeededRandom random(seed);
  WindowPool pool(random.Below(200'000));
  End ends[2];
  for (int i = 0; i < 2; ++i) {
    ChannelMux::Options options;
    options.side = i == 0 ? ChannelMux::Side::kOpens : ChannelMux::Side::kAccepts;
    options.window_bytes = kWindowBytesMin + random.Below(20'000);
    options.window_bytes_max = options.window_bytes + random.Below(100'000);
    options.frame_bytes_max = static_cast<uint32_t>(1024 + random.Below(9'000));
    options.queue_bytes_max = 1024 + random.Below(30'000);
    options.channels_max = 20;
    ends[i].mux = std::make_unique<ChannelMux>(options, i == 0 ? &pool : nullptr, &ends[i],
                                               absl::ZeroDuration());
  }
  const auto move_one = [&](int i) {
    End& from = ends[i];
    if (std::optional<TunnelFrame> frame = from.mux->NextFrame()) {
      ASSERT_LE(frame->data().size(), from.mux->frame_bytes_max());
      from.wire.push_back(*std::move(frame));
    }
  };
  const auto deliver_one = [&](int i) {
    if (ends[i].wire.empty()) return;
    const absl::Status status =
        ends[1 - i].mux->OnFrame(std::move(ends[i].wire.front()), absl::ZeroDuration());
    ends[i].wire.pop_front();
    ASSERT_TRUE(status.ok()) << status;
  };
  std::vector<ChannelId> ids;
  for (int step = 0; step < 4000; ++step) {
    const int i = static_cast<int>(random.Below(2));
    End& end = ends[i];
    switch (random.Below(8)) {
      case 0: {
        if (ids.size() >= 40) break;
        RandomOwner owner;
        // The address must be known before the number is: numbers are given in order.
        const ChannelId next = ids.empty() ? 1 : ids.back() + 1;
        const absl::StatusOr<ChannelId> id = ends[0].mux->Open("s", &ends[0].owners[next]);
        if (id.ok()) {
          ASSERT_EQ(*id, next);
          ids.push_back(*id);
        } else {
          ends[0].owners.erase(next);
        }
        break;
      }
      case 1:
      case 2: {
        if (ids.empty()) break;
        const ChannelId id = ids[random.Below(ids.size())];
        if (end.owners.count(id) == 0) break;
        RandomOwner& owner = end.owners[id];
        if (owner.end_sent || !owner.reset.empty()) break;
        const size_t room = end.mux->Room(id);
        owner.stuck = room == 0;
        if (owner.stuck) {
          owner.told_of_room = false;
          break;
        }
        std::string bytes;
        for (size_t n = 1 + random.Below(room); n > 0; --n) {
          bytes.push_back(static_cast<char>(random.Below(256)));
        }
        owner.sent += bytes;
        end.mux->Send(id, bytes);
        break;
      }
      case 3: {
        if (ids.empty()) break;
        const ChannelId id = ids[random.Below(ids.size())];
        if (end.owners.count(id) == 0) break;
        RandomOwner& owner = end.owners[id];
        const uint64_t part = random.Below(owner.unconsumed + 1);
        owner.unconsumed -= part;
        end.mux->Consumed(id, part);
        break;
      }
      case 4: {
        if (ids.empty() || random.Below(10) != 0) break;
        const ChannelId id = ids[random.Below(ids.size())];
        if (end.owners.count(id) == 0 || end.owners[id].end_sent) break;
        end.owners[id].end_sent = true;
        end.mux->End(id);
        break;
      }
      case 5:
        if (!ids.empty() && random.Below(60) == 0) {
          const ChannelId id = ids[random.Below(ids.size())];
          if (end.owners.count(id) == 0) break;
          end.owners[id].end_sent = true;
          if (end.owners[id].reset.empty()) end.owners[id].reset = "own";
          end.mux->Reset(id, "other");
        }
        break;
      case 6:
        move_one(i);
        break;
      default:
        deliver_one(i);
        break;
    }
    if (::testing::Test::HasFatalFailure()) return;
  }
  // Quiet: all is handed on, everything arrives.
  for (int round = 0; round < 2000; ++round) {
    for (int i = 0; i < 2; ++i) {
      for (int n = 0; n < 50; ++n) move_one(i);
      while (!ends[i].wire.empty()) deliver_one(i);
      for (auto& [id, owner] : ends[i].owners) {
        ends[i].mux->Consumed(id, std::exchange(owner.unconsumed, 0));
      }
    }
  }
  for (const ChannelId id : ids) {
    RandomOwner& opener = ends[0].owners[id];
    RandomOwner& acceptor = ends[1].owners[id];
    for (int i = 0; i < 2; ++i) {
      const RandomOwner& from = i == 0 ? opener : acceptor;
      const RandomOwner& to = i == 0 ? acceptor : opener;
      const bool reset = !from.reset.empty() || !to.reset.empty();
      if (reset) {
        EXPECT_EQ(from.sent.substr(0, to.received.size()), to.received);
      } else {
        EXPECT_EQ(from.sent, to.received);
        EXPECT_EQ(from.end_sent, to.ended);
        if (from.stuck && !from.end_sent) {
          EXPECT_TRUE(from.told_of_room);
        }
      }
    }
  }
}

TEST(ChannelMuxRandomTest, EverySentByteArrivesInOrderAndOnce) {
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    RunRandomTunnel(seed);
    if (::testing::Test::HasFailure()) break;
  }
}

}  // namespace
}  // namespace tributary::tunnel
