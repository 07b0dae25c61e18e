// A file descriptor that is closed with its owner.
#ifndef TRIBUTARY_COMMON_DESCRIPTOR_H_
#define TRIBUTARY_COMMON_DESCRIPTOR_H_

#include <unistd.h>

#include <utility>

namespace tributary {

// A value that owns; -1 is none.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_DESCRIPTOR_H_
