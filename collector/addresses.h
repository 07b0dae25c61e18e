// How others reach this collector: what its first lines and its pages say.
#ifndef TRIBUTARY_COLLECTOR_ADDRESSES_H_
#define TRIBUTARY_COLLECTOR_ADDRESSES_H_

#include <cstdint>
#include <string>

#include "collector/config.h"

namespace tributary {

// What the system calls this machine; "localhost" if it does not tell.
std::string HostName();
// The node's name that an agent of this machine takes by itself: the host's without its domain.
std::string NodeName();

// A value.
class Addresses {
 public:
  // `port`: the one that is listened on; 0: none yet. `store_id` is empty without a store.
  Addresses(const CollectorConfig& config, int port, std::string store_id);

  // "http://head:6006": how others name it where that is possible.
  std::string Origin() const;
  // What a person opens in a browser: the origin with the path prefix.
  std::string Url() const;
  // The command that joins a training node; empty without a store or a port.
  std::string JoinCommand() const;
  // What else must be done for that, a sentence; empty for nothing.
  std::string JoinNote() const;

 private:
  std::string authority_;  // "head:6006"
  std::string path_prefix_;
  std::string store_id_;
  bool on_loopback_;
  bool listens_;
};

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_ADDRESSES_H_
