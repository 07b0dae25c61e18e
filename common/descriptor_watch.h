// Tells when a descriptor has something new to read, from a thread of its own.
#ifndef TRIBUTARY_COMMON_DESCRIPTOR_WATCH_H_
#define TRIBUTARY_COMMON_DESCRIPTOR_WATCH_H_

#include <functional>
#include <string>
#include <thread>

namespace tributary {

// Calls `changed` on its own thread each time more became readable (edge-triggered epoll): it need
// not read at once, and a descriptor that stays readable does not keep the thread busy. Owns
// neither descriptor nor callback's data: both must outlive it. The destructor joins the thread.
class DescriptorWatch {
 public:
  // `thread_name` has at most 15 bytes. A `descriptor` of -1 is never readable.
  DescriptorWatch(const std::string& thread_name, int descriptor, std::function<void()> changed);
  ~DescriptorWatch();
  DescriptorWatch(const DescriptorWatch&) = delete;
  DescriptorWatch& operator=(const DescriptorWatch&) = delete;

 private:
  void Run();

  const std::function<void()> changed_;
  const int stop_;  // an eventfd
  const int epoll_;
  std::thread thread_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COMMON_DESCRIPTOR_WATCH_H_
