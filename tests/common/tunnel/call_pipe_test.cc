#include "common/tunnel/call_pipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/fake_clock.h"
#include "tests/support/manual_task_queue.h"

namespace tributary::tunnel {
namespace {

using cluster::v1::TunnelFrame;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Call : public FrameCall {
 public:
  void StartRead(TunnelFrame* frame) override {
    ASSERT_EQ(reading, nullptr) << "two reads at once";
    reading = frame;
  }
  void StartWrite(const TunnelFrame* frame) override {
    ASSERT_EQ(writing, nullptr) << "two writes at once";
    writing = frame;
  }
  void Cancel() override { cancelled = true; }
  void End(const absl::Status& status) override {
    ASSERT_EQ(writing, nullptr) << "a write is under way";
    ended = true;
    end = status;
  }

  TunnelFrame* reading = nullptr;
  const TunnelFrame* writing = nullptr;
  bool cancelled = false;
  bool ended = false;
  absl::Status end;
};

class CallPipeTest : public ::testing::Test, public FramePipeEvents {
 protected:
  CallPipeTest() : state_(std::make_shared<CallState>(&queue_)) {
    pipe_ = std::make_unique<CallPipe>(state_);
    pipe_->Start(this);
    state_->Begin(&call_);
  }
  void OnFrame(TunnelFrame frame) override { told_.push_back(frame.data()); }
  void OnSent() override { told_.push_back("sent"); }
  void OnClosed(const absl::Status& status) override {
    told_.push_back("closed " + std::string(status.message()));
  }
  // The call has read a frame.
  void Arrive(const std::string& data) {
    ASSERT_NE(call_.reading, nullptr);
    call_.reading->set_data(data);
    call_.reading = nullptr;
    state_->OnRead(true);
  }
  void Write(bool ok) {
    ASSERT_NE(call_.writing, nullptr);
    call_.writing = nullptr;
    state_->OnWritten(ok);
  }
  static TunnelFrame Frame(const std::string& data) {
    TunnelFrame frame;
    frame.set_data(data);
    return frame;
  }

  FakeClock clock_;
  ManualTaskQueue queue_{&clock_};
  std::shared_ptr<CallState> state_;
  Call call_;
  std::unique_ptr<CallPipe> pipe_;
  std::vector<std::string> told_;
};

TEST_F(CallPipeTest, FramesArriveInOrderOnTheQueue) {
  Arrive("a");
  Arrive("b");
  EXPECT_THAT(told_, IsEmpty());
  queue_.RunAll();
  EXPECT_THAT(told_, ElementsAre("a", "b"));
}

TEST_F(CallPipeTest, ReadingStopsWhileTheQueueIsBehind) {
  int arrived = 0;
  while (call_.reading != nullptr && arrived < 1000) {
    Arrive("x");
    ++arrived;
  }
  EXPECT_EQ(arrived, 16);
  queue_.RunAll();
  EXPECT_NE(call_.reading, nullptr);
}

TEST_F(CallPipeTest, LargeFramesCountByTheirBytes) {
  Arrive(std::string(1u << 20, 'x'));
  EXPECT_EQ(call_.reading, nullptr);
  queue_.RunAll();
  EXPECT_NE(call_.reading, nullptr);
}

TEST_F(CallPipeTest, OneWriteAtATime) {
  pipe_->Send(Frame("1"));
  pipe_->Send(Frame("2"));
  EXPECT_EQ(call_.writing->data(), "1");
  Write(true);
  EXPECT_EQ(call_.writing->data(), "2");
  Write(true);
  queue_.RunAll();
  EXPECT_THAT(told_, ElementsAre("sent", "sent"));
}

TEST_F(CallPipeTest, CloseWaitsForTheWriteUnderWayAndHurriesIt) {
  pipe_->Send(Frame("1"));
  pipe_->Close(absl::UnauthenticatedError("no such session"));
  EXPECT_TRUE(call_.cancelled);
  EXPECT_FALSE(call_.ended);
  Write(false);
  EXPECT_TRUE(call_.ended);
  EXPECT_EQ(call_.end.message(), "no such session");
  pipe_->Send(Frame("late"));
  EXPECT_EQ(call_.writing, nullptr);
}

TEST_F(CallPipeTest, TheEndIsToldAfterWhatArrived) {
  Arrive("last");
  call_.reading = nullptr;
  state_->OnRead(false);
  EXPECT_TRUE(call_.ended);
  state_->OnOver(absl::UnavailableError("reset"));
  queue_.RunAll();
  EXPECT_THAT(told_, ElementsAre("last", "closed reset"));
}

TEST_F(CallPipeTest, AFailedWriteEndsTheCall) {
  pipe_->Send(Frame("1"));
  Write(false);
  EXPECT_TRUE(call_.ended);
}

TEST_F(CallPipeTest, NothingIsToldAfterThePipeIsGone) {
  Arrive("a");
  pipe_.reset();
  EXPECT_TRUE(call_.ended);
  state_->OnOver(absl::OkStatus());
  queue_.RunAll();
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(CallPipeTest, ACallThatIsOverBeforeAnybodyListens) {
  const auto state = std::make_shared<CallState>(&queue_);
  Call call;
  state->Begin(&call);
  state->OnOver(absl::UnavailableError("at once"));
  queue_.RunAll();
  CallPipe pipe(state);
  pipe.Start(this);
  queue_.RunAll();
  EXPECT_THAT(told_, ElementsAre("closed at once"));
}

}  // namespace
}  // namespace tributary::tunnel
