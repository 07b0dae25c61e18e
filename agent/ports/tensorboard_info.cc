#include "agent/ports/tensorboard_info.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace tributary::agent {
namespace {

// 0 if there is no such whole number.
int64_t NumberOf(const google::protobuf::Struct& object, const std::string& key) {
  const auto field = object.fields().find(key);
  if (field == object.fields().end()) return 0;
  const double value = field->second.number_value();
  return value >= 1 && value <= 0x7fffffff ? static_cast<int64_t>(value) : 0;
}

std::string TextOf(const google::protobuf::Struct& object, const std::string& key) {
  const auto field = object.fields().find(key);
  return field == object.fields().end() ? "" : field->second.string_value();
}

}  // namespace

std::optional<int64_t> PidInInfoName(absl::string_view name) {
  int64_t pid = 0;
  if (!absl::ConsumePrefix(&name, "pid-") || !absl::ConsumeSuffix(&name, ".info") ||
      !absl::SimpleAtoi(name, &pid) || pid < 1 || name != absl::StrCat(pid)) {
    return std::nullopt;
  }
  return pid;
}

absl::StatusOr<TensorboardInfo> ParseTensorboardInfo(const std::string& json) {
  google::protobuf::Struct object;
  if (const auto parsed = google::protobuf::util::JsonStringToMessage(json, &object);
      !parsed.ok()) {
    return absl::InvalidArgumentError("it is no JSON object");
  }
  TensorboardInfo info;
  info.pid = NumberOf(object, "pid");
  if (info.pid == 0) return absl::InvalidArgumentError("it names no pid");
  const int64_t port = NumberOf(object, "port");
  if (port == 0 || port > 65'535) return absl::InvalidArgumentError("it names no port");
  info.port = static_cast<uint16_t>(port);
  info.path_prefix = std::string(absl::StripSuffix(TextOf(object, "path_prefix"), "/"));
  info.logdir = TextOf(object, "logdir");
  return info;
}

}  // namespace tributary::agent
