// deploy/agent.yaml is what the code says, and each of its lines may be used.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/config.h"
#include "common/atomic_file.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"

namespace tributary::agent {
namespace {

constexpr char kInstalled[] = TRIBUTARY_DEPLOY_DIR "/agent.yaml";

std::string Uncommented(const std::string& reference) {
  std::string yaml;
  for (absl::string_view line : absl::StrSplit(reference, '\n')) {
    // Prose has a space behind the '#', an option has none.
    if (absl::StartsWith(line, "#") && !absl::StartsWith(line, "# ")) line.remove_prefix(1);
    absl::StrAppend(&yaml, line, "\n");
  }
  return yaml;
}

TEST(AgentReferenceConfigTest, TheInstalledFileIsWhatTheCodeSays) {
  const absl::StatusOr<std::string> text = ReadWholeFile(RealFileSystem(), kInstalled, 1u << 20);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, AgentReferenceYaml())
      << "renew it: build/bin/tributary-agent reference-config > deploy/agent.yaml";
}

TEST(AgentReferenceConfigTest, EveryLineMayBeUncommented) {
  AgentOptionValues values;
  Options options(AgentProgram());
  DeclareAgentOptions(&values, &options);
  const auto line =
      options.Parse({.arguments = {"run", "--config", "agent.yaml"},
                     .environment = [](const std::string&) { return std::nullopt; },
                     .read_file = [](const std::string&) -> absl::StatusOr<std::string> {
                       return Uncommented(AgentReferenceYaml());
                     }});
  ASSERT_TRUE(line.ok()) << line.status();
  int from_file = 0;
  // Only these can be no keys: of one command, and about one thing.
  const std::set<std::string> only_flags = {"config", "once",  "json",  "cluster", "service",
                                            "port",   "range", "fixed", "mode"};
  for (const Options::Effective& option : options.EffectiveValues()) {
    if (only_flags.contains(option.name)) continue;
    EXPECT_EQ(option.origin, Options::Origin::kFile) << option.name;
    ++from_file;
  }
  EXPECT_GE(from_file, 15);

  FakeClock clock;
  FakeFileSystem files(&clock);
  files.WriteFile("/scratch/logs/tfevents", "");
  const auto config =
      CheckAgentConfig(values, options.EffectiveValues(), Command::kRun, "/", &files);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->collector, "localhost:6006");
  EXPECT_EQ(config->node->value, "node07");
  EXPECT_EQ(config->labels.at("team").value, "nlp");
  EXPECT_EQ(config->name_space->text(), "team-a/{node}");
}

TEST(AgentReferenceConfigTest, AsItIsItSaysNothing) {
  AgentOptionValues values;
  Options options(AgentProgram());
  DeclareAgentOptions(&values, &options);
  ASSERT_TRUE(options
                  .Parse({.arguments = {"run", "--config", "agent.yaml"},
                          .environment = [](const std::string&) { return std::nullopt; },
                          .read_file = [](const std::string&) -> absl::StatusOr<std::string> {
                            return AgentReferenceYaml();
                          }})
                  .ok());
  for (const Options::Effective& option : options.EffectiveValues()) {
    if (option.name == "config") continue;
    EXPECT_EQ(option.origin, Options::Origin::kDefault) << option.name;
  }
}

}  // namespace
}  // namespace tributary::agent
