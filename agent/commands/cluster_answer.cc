#include "agent/commands/cluster_answer.h"

#include <google/protobuf/util/json_util.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agent/commands/doctor.h"
#include "agent/commands/listing.h"
#include "agent/commands/services.h"
#include "agent/doctor/page.h"
#include "common/status_macros.h"
#include "common/text.h"

namespace tributary::agent {
namespace {

// A node without its files has less than 1 KiB.
constexpr size_t kAnswerBytesMax = 64 << 20;

absl::StatusOr<cluster::v1::ClusterPicture> ParsePicture(const std::string& json) {
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  cluster::v1::ClusterPicture picture;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &picture, options);
  if (status.ok()) return picture;
  // The first line says what is wrong, the others show where.
  const absl::string_view message(status.message().data(), status.message().size());
  return absl::InternalError(message.substr(0, message.find('\n')));
}

}  // namespace

absl::StatusOr<ClusterAnswer> AskCluster(const AgentConfig& config, const std::string& node,
                                         const World& world) {
  const absl::Duration timeout = config.values.connect_timeout;
  const Senses senses = SensesOf(config, world, timeout);
  // It alone knows which prefix its pages have.
  const auto collector = senses.describe_collector();
  RETURN_IF_ERROR(collector.status());
  RETURN_IF_ERROR(ExpectStore(config, collector->store_id()));

  const std::string path = absl::StrCat(collector->path_prefix(), "/api/v1/cluster");
  const std::string query =
      absl::StrCat("?streams=0", node.empty() ? "" : absl::StrCat("&node=", PercentEncoded(node)));
  absl::StatusOr<Page> page = FetchPage(TargetOf(config, world, timeout), senses,
                                        absl::StrCat(path, query), kAnswerBytesMax);
  if (absl::IsNotFound(page.status())) {
    return absl::NotFoundError(
        absl::StrCat("the collector at ", config.collector, " has no ", path,
                     ": update it; a collector must be at least as new as its agents"));
  }
  RETURN_IF_ERROR(page.status());

  ClusterAnswer answer;
  answer.origin = absl::StrCat("http://", page->authority);
  answer.url = absl::StrCat(answer.origin, path);
  absl::StatusOr<cluster::v1::ClusterPicture> picture = ParsePicture(page->body);
  if (!picture.ok()) {
    return absl::InternalError(
        absl::StrCat(answer.url, " cannot be read: ", Printable(picture.status().message())));
  }
  answer.picture = *std::move(picture);
  answer.json = std::move(page->body);
  return answer;
}

}  // namespace tributary::agent
