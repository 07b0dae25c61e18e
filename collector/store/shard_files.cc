#include "collector/store/shard_files.h"

#include "collector/store/mirror_file.h"

namespace tributary {

void ShardFiles::CloseLast() {
  MirrorFile* const stream = open_.back();
  open_.pop_back();
  stream->CloseDescriptor();
}

ShardFiles::Place ShardFiles::AddOpen(MirrorFile* stream) {
  while (!open_.empty() && open_.size() >= open_files_max_) CloseLast();
  open_.push_front(stream);
  return open_.begin();
}

void ShardFiles::CloseHalf() {
  for (size_t left = (open_.size() + 1) / 2; left > 0; --left) CloseLast();
}

}  // namespace tributary
