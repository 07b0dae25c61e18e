#include "agent/ports/command_listener.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace tributary::agent {
namespace {

// So long a command may do one thing before it is taken to go on like that.
constexpr absl::Duration kPatience = absl::Seconds(10);
constexpr absl::Duration kLookOften = absl::Milliseconds(100);
constexpr absl::Duration kLookSeldom = absl::Seconds(2);

}  // namespace

void CommandListener::Look() {
  const absl::Duration now = clock_->Monotonic();
  next_look_ = now + (now - started_ < kPatience ? kLookOften : kLookSeldom);
  if (port_ == given_) return;
  if (now < next_tree_look_ && !ports_->Taken().contains(given_)) return;
  next_tree_look_ = now + kLookSeldom;

  std::set<uint16_t> all;
  std::map<int, std::set<uint16_t>> by_depth;
  std::string unreached;
  for (const auto& [socket, depth] : ports_->ListenersInTree(root_)) {
    if (AcceptsLocal(socket)) {
      all.insert(socket.port);
      by_depth[depth].insert(socket.port);
    } else if (socket.port == given_) {
      unreached = socket.ip;
    }
  }
  const std::set<uint16_t> first =
      by_depth.empty() ? std::set<uint16_t>() : by_depth.begin()->second;
  if (first != first_) {
    first_ = first;
    since_ = now;
  }
  if (all.contains(given_)) {
    port_ = given_;
    line_.clear();
    return;
  }
  if (all.contains(port_) || now - since_ < kPatience) return;
  if (first.size() == 1) port_ = *first.begin();
  line_ = Describe(unreached);
}

std::string CommandListener::Describe(const std::string& unreached) const {
  const bool held = unreached.empty() && ports_->Taken().contains(given_);
  std::string line;
  if (!unreached.empty()) {
    line = absl::StrCat("the command listens on port ", given_, " for ", unreached,
                        " only, but viewers come to 127.0.0.1");
  } else if (held) {
    const std::string holder = ports_->Holder(given_);
    line =
        absl::StrCat("port ", given_, " is held by ", holder.empty() ? "another program" : holder,
                     ", which is no process of the command");
  } else {
    line = absl::StrCat("nobody listens yet on port ", given_,
                        ", the {port} and $PORT of the command");
  }
  if (first_.size() == 1) {
    absl::StrAppend(&line, "; the command listens on ", *first_.begin(), ": that opens instead");
  } else if (!first_.empty()) {
    absl::StrAppend(&line, "; the command listens on ", absl::StrJoin(first_, ", "),
                    ": it cannot be told which of them to open");
  } else if (held) {
    absl::StrAppend(&line, "; if that is the service, as with docker run, register opens it");
  }
  return line;
}

}  // namespace tributary::agent
