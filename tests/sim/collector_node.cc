#include "tests/sim/collector_node.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "tests/sim/defects.h"

namespace tributary::sim {

CollectorNode::CollectorNode(const Options& options, const Dependencies& dependencies)
    : options_(options), deps_(dependencies), files_(dependencies.clock) {
  CHECK(files_.MakeDirectories("/").ok(), "no root");
  files_.RefuseSyncFileSystem(options.refuse_sync_file_system);
  files_.SetInterceptor([this](FakeFileSystem::Call, const std::string& path) {
    return Powered() ? absl::OkStatus() : absl::InternalError(absl::StrCat(path, ": no power"));
  });
  registry_.SetScript([this](const RegistryTransaction&) { return CommitFate(); });
}

CollectorNode::~CollectorNode() { files_.SetInterceptor(nullptr); }

bool CollectorNode::Powered() {
  if (dark_) return false;
  if (!calls_left_.has_value()) return true;
  if (--*calls_left_ > 0) return true;
  calls_left_.reset();
  dark_ = true;
  deps_.trace->Note("power", " goes in the midst of a task");
  return false;
}

FakeRegistry::Fate CollectorNode::CommitFate() {
  using Fate = FakeRegistry::Fate;
  // Whether the transaction was on the disk before the power went is anybody's guess.
  if (!Powered()) {
    return deps_.random->Below(2) == 0 ? Fate::kLostUnknown : Fate::kAppliedUnknown;
  }
  if (!registry_fault_.has_value() || registry_fault_->first-- > 0) return Fate::kDurable;
  const Fate fate = registry_fault_->second;
  registry_fault_.reset();
  deps_.trace->Note("registry", " fails as ", static_cast<int>(fate));
  return fate;
}

void CollectorNode::Heal() {
  files_.ClearFaults();
  files_.SetTotalSpace(uint64_t{1} << 40);
  calls_left_.reset();
  registry_fault_.reset();
  frozen_ = false;
}

void CollectorNode::Start() {
  CHECK(process_ == nullptr, "the collector runs");
  ++starts_;
  registry_.Reopen();
  process_ = std::make_unique<Process>(deps_.clock);
  Process* const process = process_.get();
  FileSystem* files = &files_;
  if (options_.defect == Defect::kAckBeforeSync) {
    process->wrapped_files = MakeUnsyncedFileSystem(&files_);
    files = process->wrapped_files.get();
  }
  Store::Options store_options;
  store_options.data_dir = kDataDir;
  store_options.shards = options_.shards;
  store_options.data_free_min_bytes = 0;
  store_options.open_files_max = options_.open_files_max;
  absl::StatusOr<std::unique_ptr<Store>> store =
      Store::Open(store_options, {files, deps_.clock, deps_.random, &registry_});
  if (!store.ok()) {
    deps_.trace->Note("start", " failed: ", store.status().ToString());
    process_.reset();
    registry_.Crash();
    if (dark_) LosePower();
    return;
  }
  process->store = *std::move(store);
  if (options_.defect == Defect::kOverlapAppended) {
    process->store = MakeOverlapAppendingStore(std::move(process->store));
  }
  process->index = Index::Make({});
  Ingest::Options ingest = options_.ingest;
  ingest.start_nonce = absl::StrCat("start ", starts_);
  Ingest::Dependencies dependencies;
  dependencies.store = process->store.get();
  dependencies.index = process->index.get();
  dependencies.files = files;
  dependencies.clock = deps_.clock;
  dependencies.board = &process->board;
  dependencies.nodes = &process->nodes;
  dependencies.decisions = &process->decisions;
  dependencies.metrics = &process->metrics;
  dependencies.log = deps_.log;
  dependencies.session = &process->session;
  dependencies.commit = &process->commit;
  dependencies.asset = &process->asset;
  for (int i = 0; i < options_.shards; ++i) {
    process->shards.push_back(std::make_unique<ManualTaskQueue>(deps_.clock));
    dependencies.shards.push_back(process->shards.back().get());
  }
  dependencies.on_fatal = [this](const absl::Status& status) {
    deps_.trace->Note("fatal", ": ", status.ToString());
    fatal_ = true;
  };
  process->ingest = std::make_unique<Ingest>(ingest, dependencies);
  process->ingest->Start();
  deps_.network->CollectorStarted(process->ingest.get());
  deps_.trace->Note("collector", " started");
  for (const std::shared_ptr<MirrorStream>& stream : process->store->Streams()) {
    if (!stream->health().ok()) deps_.trace->Note("stopped", ": ", stream->health().ToString());
  }
  AfterTask();
}

void CollectorNode::EndProcess(bool machine) {
  fatal_ = false;
  if (process_ == nullptr) return;
  deps_.network->CollectorDied(machine);
  process_->session.Clear();
  process_->commit.Clear();
  process_->asset.Clear();
  for (auto& queue : process_->shards) queue->Clear();
  process_->ingest.reset();
  process_.reset();
  registry_.Crash();
}

void CollectorNode::Kill() {
  deps_.trace->Note("collector", " killed");
  EndProcess(/*machine=*/false);
}

void CollectorNode::LosePower() {
  deps_.trace->Note("collector", " lost its power");
  EndProcess(/*machine=*/true);
  files_.Crash(deps_.random);
  files_.ClearFaults();
  dark_ = false;
  calls_left_.reset();
}

void CollectorNode::AfterTask() {
  if (dark_) {
    LosePower();
  } else if (fatal_) {
    Kill();
  }
}

std::vector<ManualTaskQueue*> CollectorNode::ReadyQueues() const {
  std::vector<ManualTaskQueue*> ready;
  if (process_ == nullptr) return ready;
  const absl::Duration now = deps_.clock->Monotonic();
  const auto add = [&](ManualTaskQueue* queue) {
    if (queue->has_ready() || queue->next_due() <= now) ready.push_back(queue);
  };
  add(&process_->session);
  if (frozen_) return ready;
  add(&process_->commit);
  add(&process_->asset);
  for (const auto& queue : process_->shards) add(queue.get());
  return ready;
}

size_t CollectorNode::ready() const { return ReadyQueues().size(); }

void CollectorNode::RunOne(size_t index) {
  ReadyQueues().at(index)->RunOne();
  AfterTask();
}

absl::Duration CollectorNode::next_due() const {
  if (process_ == nullptr) return absl::InfiniteDuration();
  absl::Duration due = process_->session.next_due();
  if (frozen_) return due;
  due = std::min({due, process_->commit.next_due(), process_->asset.next_due()});
  for (const auto& queue : process_->shards) due = std::min(due, queue->next_due());
  return due;
}

std::shared_ptr<MirrorStream> CollectorNode::FindStream(const std::string& node,
                                                        const std::string& path) {
  if (process_ == nullptr) return nullptr;
  for (const std::shared_ptr<MirrorStream>& stream : process_->store->Streams()) {
    if (stream->identity().node == node && stream->identity().path == path) return stream;
  }
  return nullptr;
}

absl::StatusOr<std::string> CollectorNode::ReadGeneration(const MirrorStream& stream,
                                                          Generation generation) {
  if (generation == stream.generation()) return files_.ReadFile(stream.mirror_path());
  absl::StatusOr<std::string> bytes = files_.ReadFile(
      absl::StrCat(kDataDir, "/superseded/", stream.id().value(), "/", generation.value()));
  // Where it could not be moved the stream takes no bytes, until a recovery has done it.
  if (absl::IsNotFound(bytes.status()) && stream.received() == 0 &&
      generation.value() + 1 == stream.generation().value()) {
    return files_.ReadFile(stream.mirror_path());
  }
  return bytes;
}

}  // namespace tributary::sim
