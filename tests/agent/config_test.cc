#include "agent/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"

namespace tributary::agent {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The whole way from arguments, environment and file to a configuration.
class AgentConfigTest : public ::testing::Test {
 protected:
  AgentConfigTest() {
    for (const char* directory : {"/work/logs", "/data/a", "/data/b", "/work/a=b"}) {
      files_.MakeDirectories(directory).IgnoreError();
    }
    files_.WriteFile("/work/file", "x");
  }

  absl::StatusOr<AgentConfig> Parse(const std::vector<std::string>& arguments) {
    AgentOptionValues values;
    Options options(AgentProgram());
    DeclareAgentOptions(&values, &options);
    const absl::StatusOr<CommandLine> line = options.Parse(
        {.arguments = arguments,
         .environment = [this](const std::string& name) -> std::optional<std::string> {
           const auto found = variables_.find(name);
           if (found == variables_.end()) return std::nullopt;
           return found->second;
         },
         .read_file = [this](const std::string&) -> absl::StatusOr<std::string> { return yaml_; }});
    if (!line.ok()) return line.status();
    return CheckAgentConfig(values, options.EffectiveValues(), CommandNamed(line->command), "/work",
                            &files_);
  }
  // The one line that the operator reads.
  std::string Error(const std::vector<std::string>& arguments) {
    const absl::StatusOr<AgentConfig> config = Parse(arguments);
    if (config.ok()) return "no error";
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << config.status();
    EXPECT_THAT(std::string(config.status().message()), ::testing::Not(HasSubstr("\n")));
    return std::string(config.status().message());
  }

  std::map<std::string, std::string> variables_;
  std::string yaml_;
  FakeClock clock_;
  FakeFileSystem files_{&clock_};
};

TEST_F(AgentConfigTest, Malformed_NoCollector) {
  EXPECT_THAT(Error({"--logdir", "logs"}), HasSubstr("--collector HOST:PORT"));
  EXPECT_THAT(Error({"check", "--logdir", "logs"}), HasSubstr("--collector"));
  EXPECT_THAT(Error({"drain", "--logdir", "logs"}), HasSubstr("--collector"));
  EXPECT_TRUE(Parse({"plan", "--logdir", "logs"}).ok());
}

TEST_F(AgentConfigTest, Malformed_Collector) {
  for (const char* address : {"head", "head:", ":6006", "head:0", "head:65536", "head:-1", "head:x",
                              "http://head:6006", "head:6006/x", "a b:1", "::1:6006", "[::1]",
                              "[::1:6006", "user@head:6006", "head:99999999999999999999"}) {
    EXPECT_THAT(Error({"--plaintext", "--collector", address, "--logdir", "logs"}),
                AllOf(HasSubstr("--collector"), HasSubstr(address), HasSubstr("1 to 65535")))
        << address;
  }
}

TEST_F(AgentConfigTest, Malformed_CollectorOfTheEnvironmentNamesTheVariable) {
  variables_["TRIBUTARY_COLLECTOR"] = "head";
  EXPECT_THAT(Error({"--logdir", "logs"}), HasSubstr("TRIBUTARY_COLLECTOR: \"head\""));
}

TEST_F(AgentConfigTest, Malformed_CollectorOfTheFileNamesTheLine) {
  yaml_ = "# The head node.\ncollector: head\n";
  EXPECT_THAT(Error({"--config", "agent.yaml", "--logdir", "logs"}), HasSubstr("agent.yaml:2"));
}

TEST_F(AgentConfigTest, OffLoopbackNeedsPlaintext) {
  for (const char* address : {"head:6006", "192.0.2.1:6006", "[2001:db8::1]:6006",
                              "127.evil.example:6006", "localhost.example:6006"}) {
    EXPECT_THAT(Error({"--collector", address, "--logdir", "logs"}),
                AllOf(HasSubstr("--plaintext"), HasSubstr(address)));
    EXPECT_TRUE(Parse({"--plaintext", "--collector", address, "--logdir", "logs"}).ok()) << address;
  }
  for (const char* address :
       {"localhost:1", "LOCALHOST:1", "127.0.0.1:1", "127.1.2.3:65535", "[::1]:6006"}) {
    EXPECT_TRUE(Parse({"--collector", address, "--logdir", "logs"}).ok()) << address;
  }
}

TEST_F(AgentConfigTest, DoctorNeedsNoAgreementAndNoLogdir) {
  const auto config = Parse({"doctor", "--collector", "head:6006"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->logdirs.empty());
  EXPECT_TRUE(Parse({"doctor", "--collector", "head:6006", "--logdir", "not/there"}).ok());
  EXPECT_THAT(Error({"doctor", "--collector", "head"}), HasSubstr("HOST:PORT"));
}

TEST_F(AgentConfigTest, StatusOfTheClusterNeedsNoLogdir) {
  const auto config = Parse({"status", "--cluster", "--collector", "localhost:6006"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->values.cluster);
  EXPECT_THAT(Error({"status", "--collector", "localhost:6006"}),
              AllOf(HasSubstr("--logdir: missing"), HasSubstr("or --cluster")));
  EXPECT_THAT(Error({"status", "--cluster", "--collector", "head:6006"}), HasSubstr("--plaintext"));
  EXPECT_THAT(Error({"drain", "--cluster", "--collector", "localhost:6006"}),
              HasSubstr("--cluster"));
}

TEST_F(AgentConfigTest, ConnectListensOnLoopbackUnlessAgreedOtherwise) {
  const std::vector<std::string> base = {"connect", "--collector", "head:6006", "--plaintext"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), base.begin(), base.end());
    return more;
  };
  EXPECT_EQ(Parse(base)->listen, std::pair(std::string("localhost"), uint16_t{6006}));
  EXPECT_EQ(Parse(with({"--listen", "[::1]:0"}))->listen,
            std::pair(std::string("::1"), uint16_t{0}));
  for (const char* listen : {"0.0.0.0:6006", "head:0", "[::]:1"}) {
    EXPECT_THAT(Error(with({"--listen", listen})),
                AllOf(HasSubstr("--no-auth"), HasSubstr(listen)));
    EXPECT_TRUE(Parse(with({"--listen", listen, "--no-auth"})).ok());
  }
  EXPECT_THAT(Error(with({"--listen", "6006"})), HasSubstr("HOST:PORT with a port from 0"));
  EXPECT_THAT(Error(with({"--use-proxy"})), HasSubstr("no proxy"));
  EXPECT_THAT(Error({"connect", "--collector", "head:6006"}), HasSubstr("--plaintext"));
}

TEST_F(AgentConfigTest, Malformed_Logdirs) {
  EXPECT_THAT(Error({"plan"}), HasSubstr("--logdir DIR"));
  EXPECT_THAT(Error({"plan", "--logdir", ""}), HasSubstr("empty directory name"));
  EXPECT_THAT(Error({"plan", "--logdir", "=logs"}), HasSubstr("empty name"));
  EXPECT_THAT(Error({"plan", "--logdir", "x="}), HasSubstr("empty directory"));
  EXPECT_THAT(Error({"plan", "--logdir", std::string(201, 'n') + "=logs"}),
              AllOf(HasSubstr("201"), HasSubstr("200")));
  EXPECT_THAT(Error({"plan", "--logdir", "file"}), HasSubstr("/work/file is not a directory"));
  EXPECT_THAT(
      Error({"plan", "--logdir", "/data/a/x{user}/tb"}),
      AllOf(HasSubstr("--logdir"), HasSubstr("\"x{user}\": a {FACT} takes the whole name")));
  EXPECT_THAT(Error({"plan", "--logdir", "/scratch/{user}/tb"}),
              HasSubstr("/scratch does not exist"));
}

TEST_F(AgentConfigTest, TwoLogdirsOfOneName) {
  EXPECT_THAT(Error({"plan", "--logdir", "/data/a", "/data/b"}),
              AllOf(HasSubstr("/data/a and /data/b"), HasSubstr("NAME=PATH")));
  EXPECT_THAT(Error({"plan", "--logdir", "x=/data/a", "--logdir", "x=/data/b"}),
              HasSubstr("both have the name \"x\""));
  const auto config = Parse({"plan", "--logdir", "/data/a", "x=/data/b"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(Error({"plan", "--logdir", "/data/{job}/a", "--logdir", "/data/{job}/b"}),
              HasSubstr("/data/{job}/a and /data/{job}/b both have no name"));
  ASSERT_EQ(config->logdirs.size(), 2u);
  EXPECT_EQ(config->logdirs[0].name, "");
  EXPECT_EQ(config->logdirs[1].name, "x");
}

TEST_F(AgentConfigTest, AMissingLogdirIsWaitedForOnlyByWhatCanWait) {
  const std::vector<std::string> rest = {"--collector", "localhost:1", "--logdir", "absent"};
  const auto with = [&rest](std::vector<std::string> first) {
    first.insert(first.end(), rest.begin(), rest.end());
    return first;
  };
  for (const char* command : {"plan", "check"}) {
    EXPECT_THAT(Error(with({command})), HasSubstr("/work/absent does not exist"));
  }
  EXPECT_THAT(Error(with({"run", "--once"})), HasSubstr("/work/absent does not exist"));
  for (const char* command : {"run", "drain", "status"}) {
    const auto config = Parse(with({command}));
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_THAT(config->missing_logdirs, ElementsAre("/work/absent"));
  }
}

TEST_F(AgentConfigTest, ALogdirThatCannotBeLookedAtMayPass) {
  files_.Inject({.call = FakeFileSystem::Call::kStat,
                 .status = absl::InternalError("EIO"),
                 .times = FakeFileSystem::kForEver,
                 .path_contains = "/data/a"});
  EXPECT_TRUE(Parse({"--collector", "localhost:1", "--logdir", "/data/a"}).ok());
}

TEST_F(AgentConfigTest, Malformed_Names) {
  EXPECT_THAT(Error({"plan", "--logdir", "logs", "--node", "a/b"}),
              AllOf(HasSubstr("--node"), HasSubstr("a/b")));
  EXPECT_THAT(Error({"plan", "--logdir", "logs", "--node", ""}), HasSubstr("--node"));
  EXPECT_THAT(Error({"plan", "--logdir", "logs", "--namespace", "{job"}),
              AllOf(HasSubstr("--namespace"), HasSubstr("{job")));
  EXPECT_THAT(Error({"plan", "--logdir", "logs", "--label", "team"}), HasSubstr("KEY=VALUE"));
  EXPECT_THAT(Error({"plan", "--logdir", "logs", "--label", "=x"}), HasSubstr("KEY=VALUE"));
  EXPECT_THAT(Error({"plan", "--logdir", "logs", "--label", "a b=x"}), HasSubstr("KEY=VALUE"));
  EXPECT_THAT(Error({"plan", "--logdir", "logs", "--label", "team="}), HasSubstr("empty"));
  EXPECT_THAT(Error({"plan", "--logdir", "logs", "--label", "a=1", "--label", "a=2"}),
              HasSubstr("\"a\" is given twice"));
}

TEST_F(AgentConfigTest, Malformed_OptionsNameSourceValueAndBound) {
  EXPECT_THAT(Error({"--admin-port", "70000"}),
              AllOf(HasSubstr("--admin-port"), HasSubstr("70000"), HasSubstr("65535")));
  EXPECT_THAT(Error({"plan", "--admin-port", "1"}), HasSubstr("run"));
  EXPECT_THAT(Error({"run", "--json"}), HasSubstr("plan"));
  EXPECT_THAT(Error({"--connect-timeout", "5"}), HasSubstr("--connect-timeout"));
  EXPECT_THAT(Error({"--logdri", "x"}), HasSubstr("--logdir"));
  yaml_ = "collector: localhost:1\nlogdri: x\n";
  EXPECT_THAT(Error({"--config", "a.yaml"}),
              AllOf(HasSubstr("a.yaml:2"), HasSubstr("logdri"), HasSubstr("logdir")));
  EXPECT_THAT(Error({"frobnicate"}), HasSubstr("frobnicate"));
}

TEST_F(AgentConfigTest, AnEmptyNamespaceIsOne) {
  const auto config = Parse({"plan", "--logdir", "logs", "--namespace", ""});
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_TRUE(config->name_space.has_value());
  EXPECT_EQ(config->name_space->text(), "");
  EXPECT_FALSE(Parse({"plan", "--logdir", "logs"})->name_space.has_value());
}

TEST_F(AgentConfigTest, FlagsWinOverEnvironmentAndFile) {
  yaml_ = "node: from-file\ncollector: localhost:1\nlogdir: [/data/a]\n";
  variables_["TRIBUTARY_NODE"] = "from-environment";
  auto config = Parse({"--config", "a.yaml"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->node->value, "from-environment");
  EXPECT_EQ(config->node->source, "TRIBUTARY_NODE");
  EXPECT_EQ(config->logdirs[0].path, "/data/a");
  config = Parse({"--config", "a.yaml", "--node", "from-flag", "--logdir", "/data/b"});
  EXPECT_EQ(config->node->value, "from-flag");
  ASSERT_EQ(config->logdirs.size(), 1u);  // A list is taken whole.
  EXPECT_EQ(config->logdirs[0].path, "/data/b");
}

TEST_F(AgentConfigTest, OnlyAGivenDrainTimeoutCountsAsOne) {
  EXPECT_FALSE(
      Parse({"drain", "--collector", "localhost:1", "--logdir", "logs"})->has_drain_timeout);
  EXPECT_TRUE(
      Parse({"drain", "--collector", "localhost:1", "--logdir", "logs", "--drain-timeout", "25s"})
          ->has_drain_timeout);
}

TEST_F(AgentConfigTest, MarkNeedsNeitherCollectorNorLogdir) {
  EXPECT_TRUE(Parse({"mark", "d"}).ok());
}

TEST_F(AgentConfigTest, AServiceOfExec) {
  const auto config =
      Parse({"exec", "--collector", "localhost:6006", "--service", "tensorboard", "--port", "6010",
             "--range", "7000-7010", "--fixed", "--mode", "strip"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->service.name, "tensorboard");
  EXPECT_EQ(config->service.port, 6010);
  EXPECT_EQ(config->service.range_first, 7000);
  EXPECT_EQ(config->service.range_last, 7010);
  EXPECT_TRUE(config->service.fixed);
  EXPECT_EQ(config->service.mode, cluster::v1::SERVICE_MODE_STRIP);
}

TEST_F(AgentConfigTest, Malformed_Services) {
  const auto error = [this](std::vector<std::string> rest) {
    rest.insert(rest.begin() + 1, {"--collector", "localhost:6006"});
    return Error(rest);
  };
  EXPECT_THAT(error({"exec"}), HasSubstr("--service NAME"));
  for (const char* name : {"a b", "a/b", "a--b", "a~2"}) {
    EXPECT_THAT(error({"exec", "--service", name}), HasSubstr("--service")) << name;
  }
  for (const char* range : {"7000", "7000-", "7010-7000", "0-5", "1-65536", "a-b"}) {
    EXPECT_THAT(error({"exec", "--service", "a", "--range", range}), HasSubstr("--range")) << range;
  }
  EXPECT_THAT(error({"exec", "--service", "a", "--fixed"}), HasSubstr("--fixed: needs --port"));
  EXPECT_THAT(error({"register", "--service", "a"}), HasSubstr("--port: missing"));
}

}  // namespace
}  // namespace tributary::agent
