// deploy/collector.yaml is what the code says, and each of its lines may be used.
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "collector/config.h"
#include "common/atomic_file.h"
#include "common/file.h"

namespace tributary {
namespace {

constexpr char kInstalled[] = TRIBUTARY_DEPLOY_DIR "/collector.yaml";

absl::StatusOr<CollectorConfig> Parse(const std::string& yaml, std::vector<std::string> flags) {
  flags.insert(flags.end(), {"--config", "collector.yaml"});
  return ParseCollectorConfig(
      {.arguments = flags,
       .environment = [](const std::string&) { return std::nullopt; },
       .read_file = [&yaml](const std::string&) -> absl::StatusOr<std::string> { return yaml; }},
      [](const std::string&) { return false; });
}

// One configuration for each option that the reference holds: with all at once, one would hide what
// is wrong with another.
TEST(CollectorReferenceConfigTest, EachLineMayBeUncommented) {
  int options = 0;
  for (absl::string_view line : absl::StrSplit(CollectorReferenceYaml(), '\n')) {
    if (!absl::StartsWith(line, "#") || absl::StartsWith(line, "# ")) continue;
    line.remove_prefix(1);
    ++options;
    const absl::StatusOr<CollectorConfig> config = Parse(std::string(line), {"--data", "/d"});
    EXPECT_TRUE(config.ok()) << line << ": " << config.status();
  }
  EXPECT_GE(options, 15);
}

TEST(CollectorReferenceConfigTest, AllLinesMayBeUncommented) {
  std::string yaml;
  for (absl::string_view line : absl::StrSplit(CollectorReferenceYaml(), '\n')) {
    if (absl::StartsWith(line, "#") && !absl::StartsWith(line, "# ")) line.remove_prefix(1);
    absl::StrAppend(&yaml, line, "\n");
  }
  const absl::StatusOr<CollectorConfig> config = Parse(yaml, {});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->data_dir, "/var/lib/tributary");
  EXPECT_EQ(config->path_prefix, "/tensorboard");
  EXPECT_EQ(config->samples_per_plugin.at("scalars"), 5000u);
}

TEST(CollectorReferenceConfigTest, TheInstalledFileIsWhatTheCodeSays) {
  const absl::StatusOr<std::string> text = ReadWholeFile(RealFileSystem(), kInstalled, 1u << 20);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, CollectorReferenceYaml())
      << "renew it: build/bin/tributary-collector reference-config > deploy/collector.yaml";
}

}  // namespace
}  // namespace tributary
