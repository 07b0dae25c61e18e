// What unknown servers answer to the doctor: parsed without fault, and the same however it arrives.
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "agent/doctor/http_answer.h"
#include "agent/doctor/proxy_rules.h"
#include "common/check.h"

namespace tributary::agent {
namespace {

class Pieces : public Connection {
 public:
  Pieces(absl::string_view bytes, size_t piece_bytes) : bytes_(bytes), piece_(piece_bytes) {}
  absl::Status Send(absl::string_view) override { return absl::OkStatus(); }
  absl::StatusOr<std::string> Receive() override {
    const std::string part(bytes_.substr(0, piece_));
    bytes_.remove_prefix(part.size());
    return part;
  }

 private:
  absl::string_view bytes_;
  const size_t piece_;
};

}  // namespace
}  // namespace tributary::agent

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tributary::agent;
  if (size == 0 || size > 4096) return 0;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  Pieces whole(bytes, size);
  Pieces split(bytes, 1 + data[0] % 16);
  const std::string first = *Ask(&whole, "");
  const std::string second = *Ask(&split, "");
  const auto answer = ParseHttpAnswer(first);
  const auto again = ParseHttpAnswer(second);
  CHECK(answer.has_value() == again.has_value(), "split ", data[0] % 16);
  if (answer.has_value()) {
    CHECK(answer->status == again->status && answer->server == again->server &&
              answer->whole == again->whole,
          "differ");
    CHECK(answer->status >= 100 && answer->status <= 999, answer->status);
  }
  ForeignProtocol(bytes);
  ParseProxy(bytes);
  return 0;
}
