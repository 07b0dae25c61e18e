#include "tests/sim/checker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "tests/sim/reference_reader.h"

namespace tributary::sim {
namespace {

uint64_t PayloadOf(const ingest::v1::AgentMessage& message) {
  uint64_t bytes = message.fill().data().size();
  for (const ingest::v1::Slice& slice : message.chunk().slices()) bytes += slice.data().size();
  return bytes;
}

// The first place where the two differ, as far as both reach.
size_t FirstDifference(absl::string_view a, absl::string_view b) {
  const size_t both = std::min(a.size(), b.size());
  return static_cast<size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<ptrdiff_t>(both), b.begin()).first -
      a.begin());
}

// Whether `bytes` begin with what was promised. Zeros may have been filled since: that is what a
// fill is for.
bool Keeps(absl::string_view promised, absl::string_view bytes) {
  if (bytes.size() < promised.size()) return false;
  for (size_t at = FirstDifference(promised, bytes); at < promised.size(); ++at) {
    if (promised[at] != '\0' && promised[at] != bytes[at]) return false;
  }
  return true;
}

}  // namespace

void Checker::OnCollectorSends(int connection, const ingest::v1::CollectorMessage& message) {
  Link& link = links_[connection];
  trace_->Mix(message.ByteSizeLong());
  if (message.has_welcome()) link.node = message.welcome().node();
  for (const ingest::v1::Watermark& mark : message.acks().durable()) {
    Promise({link.node, link.paths[mark.stream()]}, mark.generation(), mark.offset());
  }
  for (const ingest::v1::Offer& offer : message.offer_batch().offers()) {
    if (offer.refused() != ingest::v1::REFUSAL_REASON_UNSPECIFIED) continue;
    Promise({link.node, link.paths[offer.stream()]}, offer.generation(), offer.durable());
  }
  if (message.has_refusal()) {
    trace_->Note("refusal", " in ", connection, ": ", message.refusal().ShortDebugString());
  }
}

void Checker::OnCollectorGets(int connection, const ingest::v1::AgentMessage& message) {
  trace_->Mix(message.ByteSizeLong());
  for (const ingest::v1::Open& open : message.open_batch().opens()) {
    links_[connection].paths[open.stream()] = open.path();
  }
}

void Checker::OnAgentSends(int connection, const ingest::v1::AgentMessage& message) {
  Link& link = links_[connection];
  const auto spent = static_cast<int64_t>(PayloadOf(message) + message.credit_return().bytes());
  if (spent > link.agent_credit) {
    trace_->Fail(absl::StrCat("an agent spends ", spent, " and holds ", link.agent_credit));
  }
  link.agent_credit -= spent;
}

void Checker::OnAgentGets(int connection, const ingest::v1::CollectorMessage& message) {
  links_[connection].agent_credit +=
      static_cast<int64_t>(message.welcome().credit_bytes() + message.credit().bytes());
  // Replayed sessions are nobody's and hear nothing: this one goes to an agent that keeps the
  // rules.
  const ingest::v1::RefusalReason reason = message.refusal().reason();
  if (reason == ingest::v1::REFUSAL_REASON_PROTOCOL || reason == ingest::v1::REFUSAL_REASON_LIMIT) {
    trace_->Fail(absl::StrCat("an agent is told off: ", message.refusal().ShortDebugString()));
  }
}

void Checker::Promise(const Stream& stream, uint64_t generation, uint64_t offset) {
  ++promises_;
  std::string& promised = promised_[{stream, generation}];
  if (offset < promised.size()) {
    trace_->Fail(absl::StrCat("durable of ", stream.first, " ", stream.second, " generation ",
                              generation, " goes back from ", promised.size(), " to ", offset));
    return;
  }
  if (offset == promised.size()) return;
  const std::shared_ptr<MirrorStream> mirror = collector_->FindStream(stream.first, stream.second);
  if (mirror == nullptr) {
    trace_->Fail(absl::StrCat("a promise about no stream: ", stream.first, " ", stream.second));
    return;
  }
  const absl::StatusOr<std::string> bytes =
      collector_->ReadGeneration(*mirror, Generation(generation));
  if (!bytes.ok() || bytes->size() < offset || !Keeps(promised, *bytes)) {
    trace_->Fail(absl::StrCat(
        "durable ", offset, " of ", stream.first, " ", stream.second, " generation ", generation,
        " is promised, the disk has ",
        bytes.ok() ? absl::StrCat(bytes->size(), " bytes") : bytes.status().ToString()));
    return;
  }
  promised = bytes->substr(0, offset);
}

void Checker::CheckPromises() {
  for (const auto& [key, promised] : promised_) {
    const auto& [stream, generation] = key;
    if (promised.empty()) continue;
    const std::string name =
        absl::StrCat(stream.first, " ", stream.second, " generation ", generation);
    const std::shared_ptr<MirrorStream> mirror =
        collector_->FindStream(stream.first, stream.second);
    if (mirror == nullptr) {
      trace_->Fail(absl::StrCat("lost: ", name, " has no stream any more"));
      return;
    }
    const absl::StatusOr<std::string> bytes =
        collector_->ReadGeneration(*mirror, Generation(generation));
    if (!bytes.ok()) {
      trace_->Fail(absl::StrCat(
          "lost: ", name, ": ", bytes.status().ToString(), ", ", promised.size(),
          " bytes were durable; the stream is at generation ", mirror->generation().value()));
      return;
    }
    if (!Keeps(promised, *bytes)) {
      trace_->Fail(absl::StrCat("lost: ", name, " had ", promised.size(),
                                " durable bytes, now it has ", bytes->size(), ", different from ",
                                FirstDifference(*bytes, promised)));
      return;
    }
    if (mirror->generation() == Generation(generation) && mirror->durable() < promised.size()) {
      trace_->Fail(absl::StrCat("lost: ", name, " was durable to ", promised.size(), ", now to ",
                                mirror->durable()));
      return;
    }
  }
}

std::vector<std::string> Checker::ContentsOf(const Stream& stream, bool* altered) const {
  for (AgentNode* node : nodes_) {
    const auto& files = node->writer()->files();
    if (node->name() != stream.first || !files.contains(stream.second)) continue;
    for (const auto& [path, source] : files) *altered |= source.altered_by_power_cut;
    return node->writer()->Contents(stream.second);
  }
  return {};
}

void Checker::CheckGenerations() {
  for (const std::shared_ptr<MirrorStream>& mirror : collector_->store()->Streams()) {
    const Stream stream{mirror->identity().node, mirror->identity().path};
    for (uint64_t generation = 0; generation <= mirror->generation().value(); ++generation) {
      const absl::StatusOr<std::string> bytes =
          collector_->ReadGeneration(*mirror, Generation(generation));
      // A generation of which nothing ever arrived, or was lost before it was durable.
      if (absl::IsNotFound(bytes.status())) continue;
      CheckOrigin(stream, generation, *bytes);
    }
  }
}

void Checker::CheckOrigin(const Stream& stream, uint64_t generation, const std::string& bytes) {
  bool altered = false;
  const std::vector<std::string> contents = ContentsOf(stream, &altered);
  if (contents.empty()) {
    trace_->Fail(absl::StrCat("nobody ever wrote ", stream.first, " ", stream.second));
    return;
  }
  // What was put aside before all of it was durable may have lost the rest with the power.
  const std::shared_ptr<MirrorStream> mirror = collector_->FindStream(stream.first, stream.second);
  const bool aside = mirror != nullptr && mirror->generation() != Generation(generation);
  const size_t needed = aside ? promised_[{stream, generation}].size() : bytes.size();
  size_t longest = 0;
  for (const std::string& content : contents) {
    longest = std::max(longest, FirstDifference(bytes, content));
  }
  // Where a disk lost some of what was shipped already, each byte for itself.
  const auto stood_there = [&](size_t at) {
    return std::any_of(contents.begin(), contents.end(), [&](const std::string& content) {
      return at < content.size() && content[at] == bytes[at];
    });
  };
  while (altered && longest < needed && stood_there(longest)) ++longest;
  if (longest >= needed) return;
  trace_->Fail(absl::StrCat("mixed: ", stream.first, " ", stream.second, " generation ", generation,
                            " has ", bytes.size(), " bytes, and from ", longest,
                            " on no content that the file ever had"));
}

absl::Status Checker::Complete() {
  for (AgentNode* node : nodes_) {
    if (!node->up()) return absl::UnavailableError(absl::StrCat(node->name(), " is down"));
    for (const auto& [path, source] : node->writer()->files()) {
      if (!node->writer()->Present(path)) continue;
      const std::string content = node->writer()->Content(path);
      if (content.empty()) continue;
      const absl::Status status = CheckMirror(*node, path, source, content);
      if (!status.ok()) {
        return absl::Status(status.code(),
                            absl::StrCat(node->name(), " ", path, ": ", status.message()));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Checker::CheckMirror(const AgentNode& node, const std::string& path,
                                  const SourceFile& source, const std::string& content) {
  const std::shared_ptr<MirrorStream> mirror = collector_->FindStream(node.name(), path);
  if (mirror == nullptr) return absl::NotFoundError("no stream");
  if (!mirror->health().ok()) return mirror->health();
  // Rewritten more often than is followed: frozen for an hour.
  if (mirror->overwritten()) return absl::OkStatus();
  const absl::StatusOr<std::string> bytes =
      collector_->ReadGeneration(*mirror, mirror->generation());
  if (!bytes.ok()) return bytes.status();
  if (bytes->size() != mirror->received()) {
    return absl::InternalError(absl::StrCat("received is ", mirror->received(), ", the mirror has ",
                                            bytes->size(), " bytes"));
  }
  if (bytes->size() < content.size()) {
    return absl::UnavailableError(
        absl::StrCat("the mirror has ", bytes->size(), " of ", content.size(), " bytes"));
  }
  if (mirror->durable() != bytes->size()) {
    return absl::UnavailableError(
        absl::StrCat("durable is ", mirror->durable(), " of ", bytes->size()));
  }
  size_t equal = FirstDifference(*bytes, content);
  while (equal < content.size() && source.altered_by_power_cut &&
         std::any_of(
             source.snapshots.begin(), source.snapshots.end(),
             [&](const std::string& one) {
               return equal < one.size() && one[equal] == (*bytes)[equal];
             })) {
    ++equal;
    equal += FirstDifference(absl::string_view(*bytes).substr(equal),
                             absl::string_view(content).substr(equal));
  }
  if (equal < content.size()) {
    return absl::DataLossError(absl::StrCat("mirror and source differ at ", equal, " of ",
                                            content.size(), " bytes, generation ",
                                            mirror->generation().value()));
  }
  return CheckIndex(*mirror, *bytes);
}

absl::Status Checker::CheckIndex(const MirrorStream& stream, const std::string& bytes) {
  const ReferenceFile expected = ReadReference(bytes);
  std::vector<ReferencePoint> shown;
  const absl::StatusOr<ScalarPoints> points =
      collector_->index()->ReadScalars(stream.run(), Tag("loss"), {.points_max = 0});
  for (size_t i = 0; points.ok() && i < points->steps.size(); ++i) {
    // Scalars are shown without the place of their record.
    shown.push_back({points->steps[i], points->values[i], 0});
  }
  RETURN_IF_ERROR(expected.scalars.Allows(shown));
  shown.clear();
  const absl::StatusOr<std::vector<RecordReference>> pictures =
      collector_->index()->ReadReferences(stream.run(), Tag("picture"), 0);
  if (pictures.ok()) {
    for (const RecordReference& picture : *pictures) {
      shown.push_back({picture.step.value(), 0, picture.payload_offset});
    }
  }
  return expected.pictures.Allows(shown);
}

}  // namespace tributary::sim
