// A frame pipe in memory: two ends, each of which tells what the other sent on its queue.
#ifndef TRIBUTARY_TESTS_SUPPORT_MEMORY_PIPE_H_
#define TRIBUTARY_TESTS_SUPPORT_MEMORY_PIPE_H_

#include <memory>
#include <utility>

#include "common/task_queue.h"
#include "common/tunnel/frame_pipe.h"

namespace tributary {

class MemoryPipe : public tunnel::FramePipe {
 public:
  // Cut: frames vanish, and nobody is told, as when a network does.
  struct Wire {
    TaskQueue* queue = nullptr;
    MemoryPipe* ends[2] = {nullptr, nullptr};
    bool cut = false;
  };
  static std::pair<std::unique_ptr<MemoryPipe>, std::unique_ptr<MemoryPipe>> MakePair(
      TaskQueue* queue, std::shared_ptr<Wire> wire = std::make_shared<Wire>()) {
    wire->queue = queue;
    return {std::make_unique<MemoryPipe>(wire, 0), std::make_unique<MemoryPipe>(wire, 1)};
  }

  MemoryPipe(std::shared_ptr<Wire> wire, int side) : wire_(std::move(wire)), side_(side) {
    wire_->ends[side_] = this;
  }
  ~MemoryPipe() override {
    wire_->ends[side_] = nullptr;
    TellClosed(absl::UnavailableError("the connection ended"));
  }

  void Start(tunnel::FramePipeEvents* events) override { events_ = events; }
  void Send(cluster::v1::TunnelFrame frame) override {
    wire_->queue->Post([wire = wire_, side = side_, frame = std::move(frame)]() mutable {
      if (wire->ends[side] != nullptr) wire->ends[side]->events_->OnSent();
      MemoryPipe* const other = wire->ends[1 - side];
      if (other == nullptr || other->events_ == nullptr || wire->cut) return;
      other->events_->OnFrame(std::move(frame));
    });
  }
  void Close(const absl::Status& status) override { TellClosed(status); }

 private:
  void TellClosed(const absl::Status& status) {
    if (std::exchange(closed_, true)) return;
    wire_->queue->Post([wire = wire_, side = side_, status] {
      MemoryPipe* const other = wire->ends[1 - side];
      if (other != nullptr && !wire->cut && other->events_ != nullptr) {
        other->events_->OnClosed(status);
      }
    });
  }

  const std::shared_ptr<Wire> wire_;
  const int side_;
  tunnel::FramePipeEvents* events_ = nullptr;
  bool closed_ = false;
};

}  // namespace tributary

#endif  // TRIBUTARY_TESTS_SUPPORT_MEMORY_PIPE_H_
