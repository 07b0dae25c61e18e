// Deliberate bugs of the store: a simulation that does not notice them would notice no others.
#ifndef TRIBUTARY_TESTS_SIM_DEFECTS_H_
#define TRIBUTARY_TESTS_SIM_DEFECTS_H_

#include <memory>

#include "collector/store/store.h"
#include "common/file.h"

namespace tributary::sim {

// "Ack before sync": Sync and SyncFileSystem do nothing and say OK. `files` must outlive it.
std::unique_ptr<FileSystem> MakeUnsyncedFileSystem(FileSystem* files);

// "Overlap appended": its streams take every byte for a new one, also one that they have.
std::unique_ptr<Store> MakeOverlapAppendingStore(std::unique_ptr<Store> store);

}  // namespace tributary::sim

#endif  // TRIBUTARY_TESTS_SIM_DEFECTS_H_
