#include "collector/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace tributary {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ConfigTest : public ::testing::Test {
 protected:
  absl::StatusOr<CollectorConfig> Parse(std::vector<std::string> arguments) {
    OptionSources sources;
    sources.arguments = std::move(arguments);
    sources.environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto it = environment_.find(name);
      return it == environment_.end() ? std::nullopt : std::optional(it->second);
    };
    sources.read_file = [this](const std::string& path) -> absl::StatusOr<std::string> {
      const auto it = files_.find(path);
      if (it == files_.end()) return absl::NotFoundError(path);
      return it->second;
    };
    return ParseCollectorConfig(
        sources, [this](const std::string& path) { return directories_.contains(path); });
  }
  // The error's one line.
  std::string Error(std::vector<std::string> arguments) {
    const auto config = Parse(std::move(arguments));
    EXPECT_TRUE(absl::IsInvalidArgument(config.status()));
    const std::string line(config.status().message());
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
    return line;
  }
  std::map<std::string, std::string> environment_ = {{"HOME", "/home/ada"}};
  std::map<std::string, std::string> files_;
  std::set<std::string> directories_;
};

TEST_F(ConfigTest, AsTensorBoardIsStarted) {
  const auto config = Parse({"--logdir", "./logs", "--port", "6010", "--window_title", "mine",
                             "--samples_per_plugin", "scalars=500,images=0", "--path_prefix=/tb/",
                             "--purge_orphaned_data", "false"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->command, CollectorConfig::Command::kServe);
  EXPECT_THAT(config->logdirs, ElementsAre(LocalLogdir{"", "logs"}));
  EXPECT_EQ(config->port, 6010);
  EXPECT_EQ(config->path_prefix, "/tb");
  EXPECT_EQ(config->window_title, "mine");
  EXPECT_EQ(config->samples_per_plugin.at("scalars"), 500u);
  EXPECT_EQ(config->samples_per_plugin.at("images"), 0u);
  EXPECT_FALSE(config->purge_orphaned_data);
  EXPECT_TRUE(config->on_loopback);
  EXPECT_THAT(config->notes, IsEmpty());
}

TEST_F(ConfigTest, EveryOtherFlagOfTensorBoardIsTakenAndSaysThatItDoesNothing) {
  const auto config = Parse({"serve",
                             "--logdir=/x",
                             "--load_fast=true",
                             "--reload_multifile=true",
                             "--reload_interval",
                             "5",
                             "--max_reload_threads",
                             "4",
                             "--generic_data=auto",
                             "--reuse_port",
                             "false",
                             "--grpc_creds_type=local",
                             "--grpc_data_provider",
                             "",
                             "--db=sqlite:x",
                             "--db_import",
                             "--reload_task=auto",
                             "--reload_multifile_inactive_secs=-1",
                             "--detect_file_replacement=false",
                             "--extra_data_server_flags=--x",
                             "--tag=loss",
                             "--event_file=f",
                             "--inspect"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->notes.size(), 17u);
  for (const std::string& note : config->notes) EXPECT_THAT(note, HasSubstr("no effect"));
}

TEST_F(ConfigTest, NothingToServe) {
  const std::string line = Error({});
  EXPECT_THAT(line, HasSubstr("--logdir"));
  EXPECT_THAT(line, HasSubstr("--data"));
}

TEST_F(ConfigTest, NamesOfLogdirs) {
  directories_ = {"x=y"};
  const auto config = Parse({"--logdir", "a=/x", "--logdir", "x=y", "--logdir", "b=~/runs"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->logdirs, ElementsAre(LocalLogdir{"a", "/x"}, LocalLogdir{"", "x=y"},
                                           LocalLogdir{"b", "/home/ada/runs"}));
  EXPECT_THAT(Parse({"--logdir", "./a=b"})->logdirs, ElementsAre(LocalLogdir{"", "a=b"}));
  EXPECT_THAT(Parse({"--logdir_spec", "a:/x,b:/y,/z:1"})->logdirs,
              ElementsAre(LocalLogdir{"a", "/x"}, LocalLogdir{"b", "/y"}, LocalLogdir{"", "/z:1"}));
}

TEST_F(ConfigTest, TwoLogdirsOfOneName) {
  EXPECT_THAT(Error({"--logdir", "/x", "--logdir", "/y"}), HasSubstr("NAME=/y"));
  EXPECT_THAT(Error({"--logdir", "a=/x", "--logdir_spec", "a:/y"}), HasSubstr("'a'"));
  EXPECT_THAT(Error({"--logdir", "a="}), HasSubstr("a="));
}

TEST_F(ConfigTest, BadPorts) {
  for (const std::string port : {"70000", "-1", "http", "", "6006x"}) {
    const std::string line = Error({"--logdir", "/x", "--port=" + port});
    EXPECT_THAT(line, HasSubstr("port"));
    EXPECT_THAT(line, HasSubstr("65535"));
    EXPECT_THAT(line, HasSubstr(port));
  }
  EXPECT_EQ(Parse({"--logdir", "/x", "--port", "default"})->port, std::nullopt);
  EXPECT_EQ(Parse({"--logdir", "/x", "--port", "65535"})->port, 65535);
  EXPECT_EQ(Parse({"--logdir", "/x", "--port", "0"})->port, 0);
}

TEST_F(ConfigTest, OffLoopbackOnlyWhenBothAreAgreedTo) {
  for (const std::vector<std::string>& where : {std::vector<std::string>{"--bind_all"},
                                                {"--host", "0.0.0.0"},
                                                {"--host", "head"},
                                                {"--host", "10.0.0.1"},
                                                {"--host", "127.evil.example"}}) {
    std::vector<std::string> arguments = {"--logdir", "/x"};
    arguments.insert(arguments.end(), where.begin(), where.end());
    std::string line = Error(arguments);
    EXPECT_THAT(line, HasSubstr("--plaintext"));
    EXPECT_THAT(line, HasSubstr("--no-auth"));
    arguments.push_back("--plaintext");
    line = Error(arguments);
    arguments.push_back("--no-auth");
    const auto config = Parse(arguments);
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_FALSE(config->on_loopback);
  }
  for (const std::string host : {"localhost", "127.0.0.1", "127.0.0.2", "::1"}) {
    EXPECT_TRUE(Parse({"--logdir", "/x", "--host", host})->on_loopback);
  }
  EXPECT_THAT(Error({"--logdir", "/x", "--host", "::1", "--bind_all"}), HasSubstr("exclude"));
}

TEST_F(ConfigTest, BadSamplesAndPrefixes) {
  EXPECT_THAT(Error({"--logdir", "/x", "--samples_per_plugin", "scalars"}), HasSubstr("scalars"));
  EXPECT_THAT(Error({"--logdir", "/x", "--samples_per_plugin", "scalars=-1"}),
              HasSubstr("scalars=-1"));
  EXPECT_THAT(Error({"--logdir", "/x", "--path_prefix", "tb"}), HasSubstr("'/'"));
}

TEST_F(ConfigTest, OneViewOfAStoreHasALimitAndOneOfDirectoriesHasNone) {
  EXPECT_EQ(Parse({"--data", "/d"})->runs_max, 2'000u);
  EXPECT_EQ(Parse({"--data", "/d", "--logdir", "/x"})->runs_max, 2'000u);
  EXPECT_EQ(Parse({"--logdir", "/x"})->runs_max, 0u);
  EXPECT_EQ(Parse({"--logdir", "/x", "--runs_max", "7"})->runs_max, 7u);
  EXPECT_EQ(Parse({"--data", "/d", "--runs_max", "0"})->runs_max, 0u);
  EXPECT_THAT(Error({"--data", "/d", "--runs_max", "-1"}), HasSubstr("--runs_max"));
}

TEST_F(ConfigTest, AWordThatBelongsToNothing) {
  EXPECT_THAT(Error({"./logs"}), HasSubstr("./logs"));
}

TEST_F(ConfigTest, ConfigurationFileWithASlip) {
  files_["c.yaml"] = "# comment\nlogdri: /tmp\n";
  const std::string line = Error({"--config", "c.yaml"});
  EXPECT_THAT(line, HasSubstr("c.yaml"));
  EXPECT_THAT(line, HasSubstr("2"));
  EXPECT_THAT(line, HasSubstr("logdri"));
  EXPECT_THAT(line, HasSubstr("logdir"));
}

TEST_F(ConfigTest, FromFileAndEnvironment) {
  files_["c.yaml"] = "data: /var/lib/tributary\nport: 6100\ningest-memory: 64MiB\n";
  environment_["TRIBUTARY_PORT"] = "6200";
  const auto config = Parse({"--config", "c.yaml"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->data_dir, "/var/lib/tributary");
  EXPECT_EQ(config->port, 6200);
  EXPECT_EQ(config->ingest_memory_bytes, 64u << 20);
}

TEST_F(ConfigTest, DirectoriesHaveOneForm) {
  const auto config =
      Parse({"--data", "/srv//t/./", "--logdir", "logs/", "--logdir", "a=~/x/", "--port", "0"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->data_dir, "/srv/t");
  EXPECT_EQ(config->logdirs[0].path, "logs");
  EXPECT_EQ(Parse({"--data", "t/"})->data_dir, "t");
  EXPECT_EQ(Parse({"--data", "./"})->data_dir, ".");
  EXPECT_EQ(Parse({"--data", "/"})->data_dir, "/");
}

TEST_F(ConfigTest, Inspect) {
  const auto config = Parse({"inspect", "--logdir", "/x", "--json"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->command, CollectorConfig::Command::kInspect);
  EXPECT_TRUE(config->json);
  EXPECT_THAT(Error({"inspect"}), HasSubstr("--logdir"));
}

TEST_F(ConfigTest, HelpAndVersion) {
  const auto help = Parse({"--help"});
  ASSERT_TRUE(help.ok()) << help.status();
  EXPECT_EQ(help->command, CollectorConfig::Command::kHelp);
  for (const char* word : {"--logdir", "--data", "--port", "--bind_all", "inspect",
                           "no effect here", "--reload_interval", "Exit codes"}) {
    EXPECT_THAT(help->help, HasSubstr(word));
  }
  EXPECT_EQ(Parse({"--version"})->command, CollectorConfig::Command::kVersion);
  EXPECT_EQ(Parse({"--version_tb"})->command, CollectorConfig::Command::kVersion);
}

TEST_F(ConfigTest, PortsOfServices) {
  EXPECT_EQ(Parse({"--data", "/d"})->service_ports_first, 0);
  const auto config = Parse({"--data", "/d", "--service_ports", "7000-7010"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->service_ports_first, 7000);
  EXPECT_EQ(config->service_ports_last, 7010);
  for (const std::string bad : {"7000", "7010-7000", "0-10", "1-65536", "a-b", "-1-5", "7000-"}) {
    EXPECT_THAT(Parse({"--data", "/d", "--service_ports=" + bad}).status().message(),
                HasSubstr("--service_ports"))
        << bad;
  }
}

}  // namespace
}  // namespace tributary
