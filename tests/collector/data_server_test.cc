#include "collector/data_server.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tributary {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr char kLogdir[] = "--logdir=/logs";

absl::StatusOr<DataServerOptions> Parse(std::vector<std::string> arguments) {
  return ParseDataServerFlags(arguments, "1.2.3");
}

// The only refusal of `flag` beside a good directory.
std::string Refusal(const std::string& flag) {
  const auto options = Parse({kLogdir, flag});
  EXPECT_TRUE(absl::IsInvalidArgument(options.status())) << flag;
  return std::string(options.status().message());
}

TEST(DataServerTest, OnlyTensorBoardsFlagMakesItOne) {
  EXPECT_TRUE(IsDataServerCall({"--logdir", "/x", "--die-after-stdin"}));
  EXPECT_FALSE(IsDataServerCall({"--logdir", "/x", "--port-file", "f"}));
  EXPECT_FALSE(IsDataServerCall({}));
}

TEST(DataServerTest, TheWordsOfTensorBoard) {
  const auto options =
      Parse({"--logdir=/logs/a=b/", "--reload=5", "--samples-per-plugin=scalars=500,images=all",
             "--port=0", "--port-file=/tmp/port", "--die-after-stdin", "--error-file=/tmp/error",
             "--verbose", "--verbose"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->command, DataServerOptions::Command::kServe);
  EXPECT_EQ(options->port_file, "/tmp/port");
  EXPECT_EQ(options->error_file, "/tmp/error");
  EXPECT_THAT(options->config.logdirs, ElementsAre(LocalLogdir{"", "/logs/a=b/"}));
  EXPECT_EQ(options->config.port, 0);
  EXPECT_EQ(options->config.host, "localhost");
  EXPECT_EQ(options->config.port_file, "");
  EXPECT_EQ(options->config.log_level, LogLevel::kDebug);
  EXPECT_FALSE(options->config.data_server->read_once);
  EXPECT_THAT(options->config.data_server->points_max, ElementsAre(Pair("scalars", 500)));
}

TEST(DataServerTest, ValuesMayBeTheNextArgument) {
  const auto options = Parse({"--logdir", "/logs", "--port", "1234", "-vv", "--checksum",
                              "--no-checksum", "--checksum", "--"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->logdir, "/logs");
  EXPECT_EQ(options->config.port, 1234);
  EXPECT_EQ(options->config.log_level, LogLevel::kDebug);
}

TEST(DataServerTest, Defaults) {
  const auto options = Parse({kLogdir});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->config.port, 6806);
  EXPECT_EQ(options->config.log_level, LogLevel::kWarn);
  EXPECT_THAT(options->config.data_server->points_max, IsEmpty());
}

TEST(DataServerTest, ReloadOnceAndSamples) {
  EXPECT_TRUE(Parse({kLogdir, "--reload=once"})->config.data_server->read_once);
  EXPECT_FALSE(Parse({kLogdir, "--reload=0"})->config.data_server->read_once);
  EXPECT_THAT(Parse({kLogdir, "--samples-per-plugin=a=1,b=2,a=0"})->config.data_server->points_max,
              ElementsAre(Pair("a", 0), Pair("b", 2)));
  EXPECT_THAT(Parse({kLogdir, "--samples-per-plugin="})->config.data_server->points_max, IsEmpty());
}

TEST(DataServerTest, HelpAndVersionNeedNoDirectory) {
  const auto help = Parse({"--die-after-stdin", "-h"});
  ASSERT_TRUE(help.ok());
  EXPECT_EQ(help->command, DataServerOptions::Command::kHelp);
  EXPECT_THAT(help->text, HasSubstr("--error-file"));
  const auto version = Parse({"--version"});
  ASSERT_TRUE(version.ok());
  EXPECT_EQ(version->command, DataServerOptions::Command::kVersion);
  EXPECT_THAT(version->text, HasSubstr("1.2.3"));
}

TEST(DataServerTest, Malformed_EachIsRefusedByName) {
  EXPECT_THAT(Refusal("--port=65536"), HasSubstr("65536"));
  EXPECT_THAT(Refusal("--port="), HasSubstr("--port"));
  EXPECT_THAT(Refusal("--port=-1"), HasSubstr("-1"));
  EXPECT_THAT(Refusal("--port"), HasSubstr("--port"));
  EXPECT_THAT(Refusal("--reload="), HasSubstr("--reload"));
  EXPECT_THAT(Refusal("--reload=5s"), HasSubstr("5s"));
  EXPECT_THAT(Refusal("--reload=-1"), HasSubstr("-1"));
  EXPECT_THAT(Refusal("--reload=18446744073709551616"), HasSubstr("--reload"));
  for (const char* samples : {",", "scalars", "scalars=few", "scalars=-1", "scalars=", "=5", "a=1,",
                              "a=1=2", "a= 1", "a=18446744073709551616"}) {
    EXPECT_THAT(Refusal(std::string("--samples-per-plugin=") + samples), HasSubstr(samples));
  }
  EXPECT_THAT(Refusal("--host="), HasSubstr("--host"));
  EXPECT_THAT(Refusal("--nonsense"), HasSubstr("--nonsense"));
  EXPECT_THAT(Refusal("--verb"), HasSubstr("--verb"));
  EXPECT_THAT(Refusal("-x"), HasSubstr("-x"));
  EXPECT_THAT(Refusal("word"), HasSubstr("word"));
  EXPECT_THAT(Refusal("--logdir=/other"), HasSubstr("twice"));
  EXPECT_FALSE(Parse({"--port=0"}).ok());
  EXPECT_FALSE(Parse({kLogdir, "--die-after-stdin", "--die-after-stdin"}).ok());
}

TEST(DataServerTest, WhichDirectoriesCanNeverBeRead) {
  EXPECT_FALSE(CheckDataServerLogdir("").ok());
  EXPECT_THAT(CheckDataServerLogdir("s3://bucket/x").message(), HasSubstr("s3"));
  EXPECT_TRUE(CheckDataServerLogdir("/not/there").ok());
  EXPECT_TRUE(CheckDataServerLogdir("a:b").ok());
}

}  // namespace
}  // namespace tributary
