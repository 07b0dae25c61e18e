#include "agent/connect/relay.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>

namespace tributary::agent {
namespace {

// A relay between two ends that the test holds.
class RelayTest : public ::testing::Test {
 protected:
  static constexpr size_t kBuffer = 1000;

  RelayTest() {
    int left[2];
    int right[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, left), 0);
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, right), 0);
    left_ = Descriptor(left[0]);
    right_ = Descriptor(right[0]);
    relay_ = std::make_unique<Relay>(Descriptor(left[1]), Descriptor(right[1]), kBuffer);
  }

  static void Say(const Descriptor& end, const std::string& text) {
    ASSERT_EQ(::send(end.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  // What is there now; "<end>" if the other side ended, "<reset>" if it broke.
  static std::string Hear(const Descriptor& end) {
    std::string heard;
    char buffer[4096];
    for (;;) {
      const ssize_t got = ::recv(end.get(), buffer, sizeof(buffer), 0);
      if (got > 0) {
        heard.append(buffer, static_cast<size_t>(got));
      } else {
        return got == 0 ? heard + "<end>" : errno == EAGAIN ? heard : heard + "<reset>";
      }
    }
  }
  Relay::State MoveAll() {
    Relay::State state = relay_->Move();
    while (state == Relay::State::kBusy) state = relay_->Move();
    return state;
  }

  Descriptor left_;
  Descriptor right_;
  std::unique_ptr<Relay> relay_;
};

TEST_F(RelayTest, BothWays) {
  EXPECT_EQ(relay_->Move(), Relay::State::kWaits);
  Say(left_, "request");
  Say(right_, "greeting");
  EXPECT_EQ(MoveAll(), Relay::State::kWaits);
  EXPECT_EQ(Hear(right_), "request");
  EXPECT_EQ(Hear(left_), "greeting");
}

TEST_F(RelayTest, HalfCloseLeavesTheOtherWayOpen) {
  Say(left_, "request");
  ASSERT_EQ(::shutdown(left_.get(), SHUT_WR), 0);
  EXPECT_EQ(MoveAll(), Relay::State::kWaits);
  EXPECT_EQ(Hear(right_), "request<end>");
  Say(right_, "a late answer");
  EXPECT_EQ(MoveAll(), Relay::State::kWaits);
  EXPECT_EQ(Hear(left_), "a late answer");
  ASSERT_EQ(::shutdown(right_.get(), SHUT_WR), 0);
  EXPECT_EQ(MoveAll(), Relay::State::kDone);
  EXPECT_EQ(Hear(left_), "<end>");
}

TEST_F(RelayTest, TheEndComesBehindEveryByte) {
  const std::string text(64 * kBuffer + 7, 'x');
  // The writer's socket may take less than all at once.
  size_t said = 0;
  std::string heard;
  while (said < text.size()) {
    const ssize_t sent = ::send(left_.get(), text.data() + said, text.size() - said, MSG_NOSIGNAL);
    if (sent > 0) said += static_cast<size_t>(sent);
    EXPECT_NE(MoveAll(), Relay::State::kBroken);
    heard += Hear(right_);
  }
  left_ = Descriptor();
  MoveAll();
  heard += Hear(right_);
  EXPECT_EQ(heard, text + "<end>");
}

TEST_F(RelayTest, WhatIsNotTakenIsNotRead) {
  const std::string block(kBuffer, 'x');
  size_t said = 0;
  for (;;) {
    const ssize_t sent = ::send(left_.get(), block.data(), block.size(), MSG_NOSIGNAL);
    if (sent > 0) said += static_cast<size_t>(sent);
    EXPECT_EQ(MoveAll(), Relay::State::kWaits);
    if (sent < 0) break;  // both sockets and the buffer are full: the writer waits
  }
  const std::string heard = Hear(right_);
  EXPECT_LT(heard.size(), said);
  // And goes on when the reader does.
  std::string rest;
  while (heard.size() + rest.size() < said) {
    ASSERT_NE(MoveAll(), Relay::State::kBroken);
    rest += Hear(right_);
  }
  EXPECT_EQ(heard.size() + rest.size(), said);
}

TEST_F(RelayTest, ABusyPairLeavesOthersTheirTurn) {
  Say(left_, std::string(50 * kBuffer, 'x'));
  EXPECT_EQ(relay_->Move(), Relay::State::kBusy);
  EXPECT_LT(Hear(right_).size(), 20 * kBuffer);
}

TEST_F(RelayTest, AReaderThatIsGoneBreaksIt) {
  Say(left_, "request");
  right_ = Descriptor();
  EXPECT_EQ(MoveAll(), Relay::State::kBroken);
  relay_->Abort();
  EXPECT_NE(Hear(left_), "");
}

}  // namespace
}  // namespace tributary::agent
