// The part of Ingest that answers DescribeNode.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "collector/ingest/ingest.h"
#include "common/look_alike.h"

namespace tributary {
namespace {

constexpr uint32_t kPageMax = 10'000;
constexpr size_t kRunListMax = 10;

ingest::v1::SourceState DescribedState(const StreamEntry& entry) {
  return entry.source_state == ingest::v1::SOURCE_STATE_UNSPECIFIED ? ingest::v1::SOURCE_STATE_LIVE
                                                                    : entry.source_state;
}

// A cursor must be text, and a path need not be: both are escaped.
std::string MakeCursor(const StreamIdentity& identity) {
  return absl::StrCat(absl::BytesToHexString(identity.logdir_name), ".",
                      absl::BytesToHexString(identity.path));
}

std::optional<StreamIdentity> ParseCursor(const std::string& node, absl::string_view cursor) {
  const size_t dot = cursor.find('.');
  const auto is_hex = [](absl::string_view text) {
    return text.size() % 2 == 0 &&
           text.find_first_not_of("0123456789abcdef") == absl::string_view::npos;
  };
  if (dot == absl::string_view::npos || !is_hex(cursor.substr(0, dot)) ||
      !is_hex(cursor.substr(dot + 1))) {
    return std::nullopt;
  }
  return StreamIdentity{node, absl::HexStringToBytes(cursor.substr(0, dot)),
                        absl::HexStringToBytes(cursor.substr(dot + 1))};
}

bool IsAskedFor(const std::string& logdir_name, const ingest::v1::DescribeNodeRequest& request) {
  const auto& names = request.logdir_names();
  return names.empty() || std::find(names.begin(), names.end(), logdir_name) != names.end();
}

// A name that a run is shown as, and what is here of it.
struct AskedRun {
  bool has_streams = false;
  std::map<std::pair<std::string, std::string>, uint64_t> files;  // by node and logdir name
  std::set<std::string> look_alikes;
};

ingest::v1::RunDescription DescriptionOf(const AskedRun& run) {
  ingest::v1::RunDescription description;
  for (const auto& [source, files] : run.files) {
    if (description.sources_size() == static_cast<int>(kRunListMax)) break;
    ingest::v1::RunSource* const told = description.add_sources();
    told->set_node(source.first);
    told->set_logdir_name(source.second);
    told->set_files(files);
  }
  description.set_sources_left_out(run.files.size() - std::min(run.files.size(), kRunListMax));
  for (const std::string& name : run.look_alikes) {
    if (description.look_alikes_size() == static_cast<int>(kRunListMax)) break;
    description.add_look_alikes(name);
  }
  return description;
}

}  // namespace

void Ingest::DescribeNode(const ingest::v1::DescribeNodeRequest& request, DescribedNode answer) {
  if (request.runs_size() > static_cast<int>(kPageMax)) {
    return answer(absl::InvalidArgumentError(absl::StrCat(
        "'runs' has ", request.runs_size(), " names, at most ", kPageMax, " allowed")));
  }
  if (request.runs_size() > 0) return answer(DescribeRuns(request));
  const ingest::v1::NodeFacts& facts = request.node();
  if (request.foresee()) {
    return delivery_->ForeseeNode(
        facts.name(), {facts.machine_id(), facts.boot_id()},
        [this, request, answer = std::move(answer)](absl::StatusOr<std::string> node) mutable {
          if (!node.ok()) return answer(node.status());
          answer(DescribeStreams(*node, request));
        });
  }
  const std::string node = KnownNode(facts);
  if (node.empty()) {
    return answer(
        absl::NotFoundError(absl::StrCat("no stream of a node '", facts.name(), "' is known")));
  }
  answer(DescribeStreams(node, request));
}

std::string Ingest::KnownNode(const ingest::v1::NodeFacts& facts) const {
  // A machine that is connected may have a name other than it wishes.
  std::string known;
  sessions_->ForEachLive([&](const Session& session) {
    const ingest::v1::NodeFacts& other = session.hello().node();
    if (other.name() == facts.name() && !facts.machine_id().empty() &&
        other.machine_id() == facts.machine_id() && other.boot_id() == facts.boot_id()) {
      known = session.node();
    }
  });
  if (!known.empty()) return known;
  return streams_.HasNode(facts.name()) ? facts.name() : std::string();
}

absl::StatusOr<ingest::v1::DescribeNodeResponse> Ingest::DescribeStreams(
    const std::string& node, const ingest::v1::DescribeNodeRequest& request) const {
  std::optional<StreamIdentity> after;
  if (!request.after().empty()) {
    after = ParseCursor(node, request.after());
    if (!after.has_value()) return absl::InvalidArgumentError("the cursor 'after' is not ours");
  }
  const uint32_t limit = request.limit() == 0 ? kPageMax : std::min(request.limit(), kPageMax);
  const std::shared_ptr<const RunDecisions> decisions = deps_.decisions->Get();
  ingest::v1::DescribeNodeResponse response;
  response.set_node(node);
  response.set_store_id(deps_.store->store_id());
  sessions_->ForEachLive([&](const Session& session) {
    if (session.node() != node) return;
    ingest::v1::AgentDescription* agent = response.add_agents();
    agent->set_pid(session.hello().pid());
    agent->set_version(session.hello().agent_version());
    *agent->mutable_logdirs() = session.hello().logdirs();
  });
  if (asset_desk_ != nullptr) response.set_asset_bytes_max(options_.limits.asset_bytes_max);
  StreamIdentity last;
  streams_.ForEachAfter(node, after.has_value() ? &*after : nullptr, [&](const StreamEntry& entry) {
    const StreamIdentity& identity = entry.identity();
    if (!IsAskedFor(identity.logdir_name, request)) return true;
    if (response.streams_size() >= static_cast<int>(limit)) {
      response.set_next(MakeCursor(last));
      return false;
    }
    last = identity;
    ingest::v1::StreamDescription* stream = response.add_streams();
    stream->set_logdir_name(identity.logdir_name);
    stream->set_path(identity.path);
    stream->set_run(decisions->ShownAs(entry.run().value()));
    stream->set_run_since_unix_nanos(absl::ToUnixNanos(entry.run_since()));
    stream->set_generation(entry.generation.value());
    stream->set_received(entry.received);
    stream->set_durable(entry.durable);
    stream->set_state(DescribedState(entry));
    if (!entry.is_asset()) return true;
    stream->set_kind(ingest::v1::STREAM_KIND_ASSET);
    if (const auto version = entry.asset->version(); version.has_value()) {
      FillVersion(*version, stream->mutable_asset());
    }
    return true;
  });
  return response;
}

ingest::v1::DescribeNodeResponse Ingest::DescribeRuns(
    const ingest::v1::DescribeNodeRequest& request) const {
  const std::shared_ptr<const RunDecisions> decisions = deps_.decisions->Get();
  ingest::v1::DescribeNodeResponse response;
  response.set_store_id(deps_.store->store_id());
  std::map<std::string, AskedRun> found;
  for (const std::string& run : request.runs()) {
    response.add_shown_as(decisions->ShownAs(run));
    found[response.shown_as(response.shown_as_size() - 1)];
  }
  absl::flat_hash_map<std::string, std::vector<std::pair<const std::string, AskedRun>*>> by_look;
  for (auto& entry : found) by_look[LookOf(entry.first)].push_back(&entry);

  std::string shown;  // most streams are of the same run as the one before
  const std::vector<std::pair<const std::string, AskedRun>*>* alike = nullptr;
  streams_.ForEach([&](const StreamEntry& entry) {
    if (entry.is_asset()) return;
    const StreamIdentity& identity = entry.identity();
    if (std::string name = decisions->ShownAs(entry.run().value()); name != shown) {
      shown = std::move(name);
      const auto looked_up = by_look.find(LookOf(shown));
      alike = looked_up == by_look.end() ? nullptr : &looked_up->second;
    }
    if (alike == nullptr) return;
    for (auto* const run : *alike) {
      if (run->first != shown) {
        run->second.look_alikes.insert(shown);
        continue;
      }
      run->second.has_streams = true;
      if (identity.node != request.node().name() || !IsAskedFor(identity.logdir_name, request)) {
        ++run->second.files[{identity.node, identity.logdir_name}];
      }
    }
  });
  for (const std::string& run : response.shown_as()) {
    AskedRun& one = found[run];
    if (!one.has_streams && deps_.index->Has(RunName(run))) one.files[{"", ""}] = 0;
    *response.add_runs() = DescriptionOf(one);
  }
  return response;
}

}  // namespace tributary
