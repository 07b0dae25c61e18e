#include "common/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace tributary {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A small program with an option of each kind.
class ConfigTest : public ::testing::Test {
 protected:
  struct Values {
    std::string collector = "localhost:6006";
    std::optional<std::string> name_space;
    std::vector<std::string> logdirs;
    std::vector<std::string> labels;
    int64_t tries = 3;
    std::optional<int64_t> port;
    uint64_t memory = 256u << 20;
    absl::Duration timeout = absl::Seconds(30);
    absl::Duration reload = absl::Seconds(5);
    bool once = false;
    bool purge = true;
    bool json = false;
    std::string level = "info";
  };

  absl::Status Parse(std::vector<std::string> arguments) {
    values_ = Values();
    options_.emplace(Options::Program{
        .name = "program",
        .summary = "Does things.",
        .usage = {"program [run] --collector HOST:PORT"},
        .commands = {{"run", "runs", ""}, {"plan", "plans", ""}, {"mark", "marks", "DIR"}},
        .default_command = "run",
        .footer = "Exit codes: 0\n"});
    options_->Add(&values_.collector, {.name = "collector", .section = "A", .value = "HOST:PORT"});
    options_->Add(&values_.name_space, {.name = "namespace", .section = "A"});
    options_->Add(&values_.logdirs, {.name = "logdir", .section = "A", .many_values = true});
    options_->Add(&values_.labels, {.name = "label", .section = "A"});
    options_->Add(&values_.tries, {.name = "tries", .section = "B", .min = "1", .max = "9"});
    options_->Add(&values_.port, {.name = "port", .section = "B", .min = "0", .max = "65535"});
    options_->AddBytes(&values_.memory,
                       {.name = "ingest-memory", .section = "B", .min = "8MiB", .max = "1TiB"});
    options_->Add(&values_.timeout,
                  {.name = "connect-timeout", .section = "B", .min = "1s", .max = "1h"});
    options_->Add(&values_.reload,
                  {.name = "reload_interval", .section = "B", .bare_seconds = true});
    options_->Add(&values_.once, {.name = "once", .section = "B", .commands = {"run"}});
    options_->Add(&values_.purge,
                  {.name = "purge_orphaned_data", .section = "B", .needs_value = true});
    options_->Add(&values_.json,
                  {.name = "json", .section = "B", .commands = {"plan"}, .flag_only = true});
    options_->Add(&values_.level,
                  {.name = "log-level", .section = "B", .choices = {"debug", "info"}});
    absl::StatusOr<CommandLine> line = options_->Parse(
        {.arguments = std::move(arguments),
         .environment = [this](const std::string& name) -> std::optional<std::string> {
           const auto found = environment_.find(name);
           if (found == environment_.end()) return std::nullopt;
           return found->second;
         },
         .read_file = [this](const std::string& path) -> absl::StatusOr<std::string> {
           if (path != "a.yaml") return absl::NotFoundError("No such file or directory");
           return yaml_;
         }});
    if (!line.ok()) return line.status();
    line_ = *std::move(line);
    return absl::OkStatus();
  }
  std::string Error(std::vector<std::string> arguments) {
    const absl::Status status = Parse(std::move(arguments));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), Not(HasSubstr("\n")));
    return std::string(status.message());
  }
  std::string YamlError(std::string yaml) {
    yaml_ = std::move(yaml);
    return Error({"--config", "a.yaml"});
  }

  Values values_;
  std::optional<Options> options_;
  CommandLine line_;
  std::map<std::string, std::string> environment_;
  std::string yaml_;
};

TEST_F(ConfigTest, Malformed_FlagUnknown) {
  EXPECT_EQ(Error({"--colector", "x"}), "--colector: no such option; did you mean --collector?");
  EXPECT_EQ(Error({"--zzzzzz"}), "--zzzzzz: no such option");
  EXPECT_EQ(Error({"-x"}), "-x: no such option");
}

TEST_F(ConfigTest, Malformed_WordsThatBelongNowhere) {
  EXPECT_THAT(Error({"plam"}), HasSubstr("did you mean plan?"));
  EXPECT_EQ(Error({"--collector", "h:1", "run", "what"}),
            "\"what\": neither a command nor the value of an option; --help lists them");
}

TEST_F(ConfigTest, Malformed_FlagWithoutValue) {
  EXPECT_EQ(Error({"--collector"}), "--collector: its value is missing");
  EXPECT_EQ(Error({"--purge_orphaned_data"}), "--purge_orphaned_data: its value is missing");
}

TEST_F(ConfigTest, Malformed_ValuesNameKeyValueAndBound) {
  EXPECT_EQ(Error({"--tries", "10"}), "--tries: 10 is out of bounds: 1 to 9");
  EXPECT_EQ(Error({"--tries", "0"}), "--tries: 0 is out of bounds: 1 to 9");
  EXPECT_EQ(Error({"--tries", "x"}), "--tries: \"x\" is no whole number (1 to 9)");
  EXPECT_EQ(Error({"--port", "65536"}), "--port: 65536 is out of bounds: 0 to 65535");
  EXPECT_EQ(Error({"--port", "-1"}), "--port: -1 is out of bounds: 0 to 65535");
  EXPECT_EQ(Error({"--port="}), "--port: \"\" is no whole number (0 to 65535)");
  EXPECT_EQ(Error({"--connect-timeout", "0"}), "--connect-timeout: 0 is out of bounds: 1s to 1h");
  EXPECT_THAT(Error({"--connect-timeout", "30"}), HasSubstr("\"30\" is no duration"));
  EXPECT_THAT(Error({"--ingest-memory", "256M"}), HasSubstr("\"256M\" is no size"));
  EXPECT_EQ(Error({"--ingest-memory", "1KiB"}),
            "--ingest-memory: 1KiB is out of bounds: 8MiB to 1TiB");
  EXPECT_EQ(Error({"--log-level", "loud"}),
            "--log-level: \"loud\" is not one of its values (one of debug, info)");
  EXPECT_EQ(Error({"--purge_orphaned_data", "perhaps"}),
            "--purge_orphaned_data: \"perhaps\" is neither true nor false");
}

TEST_F(ConfigTest, Malformed_FlagOfAnotherCommand) {
  EXPECT_EQ(Error({"run", "--json"}), "--json: not an option of \"run\", only of plan");
}

TEST_F(ConfigTest, Malformed_YamlUnknownKeyNamesFileLineAndNearest) {
  EXPECT_EQ(YamlError("collector: h:1\n\ncollecter: h:2\n"),
            "a.yaml:3: collecter: no such option; did you mean collector?");
  // What is only a flag is no key.
  EXPECT_THAT(YamlError("json: true\n"), HasSubstr("a.yaml:1: json: no such option"));
}

TEST_F(ConfigTest, Malformed_YamlValues) {
  EXPECT_EQ(YamlError("tries: 10\n"), "a.yaml:1: tries: 10 is out of bounds: 1 to 9");
  EXPECT_THAT(YamlError("collector:\n"), HasSubstr("a.yaml:1: collector: has no value"));
  EXPECT_THAT(YamlError("collector: [a, b]\n"), HasSubstr("a.yaml:1: collector: takes one value"));
  EXPECT_THAT(YamlError("label: [[a]]\n"), HasSubstr("label: takes a list or a map of plain"));
  EXPECT_THAT(YamlError("label: {a: {b: c}}\n"),
              HasSubstr("label: takes a list or a map of plain"));
  EXPECT_EQ(YamlError("tries: 1\ntries: 2\n"), "a.yaml:2: tries: was given on line 1");
  EXPECT_EQ(YamlError("log-level: info\nlog_level: info\n"),
            "a.yaml:2: log-level: was given on line 1");
}

TEST_F(ConfigTest, Malformed_YamlSyntax) {
  EXPECT_THAT(YamlError("collector: [a\n"), HasSubstr("a.yaml:"));
  EXPECT_THAT(YamlError("just words\n"), HasSubstr("a.yaml:1: must hold"));
  EXPECT_THAT(YamlError("? [a]\n: b\n"), HasSubstr("a.yaml:1: the key is no plain text"));
  EXPECT_THAT(YamlError("a: *nowhere\n"), HasSubstr("a.yaml:1"));
}

TEST_F(ConfigTest, Malformed_ConfigFileMissing) {
  EXPECT_EQ(Error({"--config", "b.yaml"}), "--config: b.yaml: No such file or directory");
  environment_["TRIBUTARY_CONFIG"] = "c.yaml";
  EXPECT_EQ(Error({}), "TRIBUTARY_CONFIG: c.yaml: No such file or directory");
}

TEST_F(ConfigTest, Malformed_EnvironmentNamesTheVariable) {
  environment_["TRIBUTARY_CONNECT_TIMEOUT"] = "soon";
  EXPECT_THAT(Error({}), HasSubstr("TRIBUTARY_CONNECT_TIMEOUT: \"soon\" is no duration"));
}

TEST_F(ConfigTest, NothingGiven_DefaultsStand) {
  ASSERT_EQ(Parse({}), absl::OkStatus());
  EXPECT_EQ(line_.command, "run");
  EXPECT_EQ(values_.collector, "localhost:6006");
  EXPECT_EQ(values_.name_space, std::nullopt);
  EXPECT_EQ(values_.port, std::nullopt);
  EXPECT_EQ(values_.timeout, absl::Seconds(30));
}

TEST_F(ConfigTest, Precedence_FlagThenEnvironmentThenFile) {
  yaml_ = "tries: 2\nconnect-timeout: 2s\ningest-memory: 16MiB\n";
  environment_ = {{"TRIBUTARY_TRIES", "4"}, {"TRIBUTARY_CONNECT_TIMEOUT", "4s"}};
  ASSERT_EQ(Parse({"--config", "a.yaml", "--tries", "5"}), absl::OkStatus());
  EXPECT_EQ(values_.tries, 5);
  EXPECT_EQ(values_.timeout, absl::Seconds(4));
  EXPECT_EQ(values_.memory, 16u << 20);
  std::map<std::string, std::string> where;
  for (const Options::Effective& effective : options_->EffectiveValues()) {
    where[effective.name] = effective.where;
  }
  EXPECT_EQ(where["tries"], "--tries");
  EXPECT_EQ(where["connect-timeout"], "TRIBUTARY_CONNECT_TIMEOUT");
  EXPECT_EQ(where["ingest-memory"], "a.yaml:3");
  EXPECT_EQ(where["collector"], "default");
}

TEST_F(ConfigTest, Lists_AreTakenWholeFromTheHighestSource) {
  yaml_ = "logdir: [/a, /b]\nlabel: {team: nlp, site: x}\n";
  ASSERT_EQ(Parse({"--config", "a.yaml"}), absl::OkStatus());
  EXPECT_THAT(values_.logdirs, ElementsAre("/a", "/b"));
  EXPECT_THAT(values_.labels, ElementsAre("team=nlp", "site=x"));
  environment_["TRIBUTARY_LOGDIR"] = "/c,/d";
  ASSERT_EQ(Parse({"--config", "a.yaml"}), absl::OkStatus());
  EXPECT_THAT(values_.logdirs, ElementsAre("/c", "/d"));
  ASSERT_EQ(Parse({"--config", "a.yaml", "--logdir", "/e", "--logdir=/f"}), absl::OkStatus());
  EXPECT_THAT(values_.logdirs, ElementsAre("/e", "/f"));
}

TEST_F(ConfigTest, Lists_ManyValuesAfterOneFlagEndAtFlagOrCommand) {
  ASSERT_EQ(Parse({"--logdir", "/a", "/b", "plan", "--label", "k=v"}), absl::OkStatus());
  EXPECT_THAT(values_.logdirs, ElementsAre("/a", "/b"));
  EXPECT_THAT(values_.labels, ElementsAre("k=v"));
  EXPECT_EQ(line_.command, "plan");
  // Not every list does so.
  EXPECT_THAT(Error({"--label", "a=b", "c=d"}), HasSubstr("\"c=d\""));
}

TEST_F(ConfigTest, EmptyTextIsAValue) {
  ASSERT_EQ(Parse({"--namespace", ""}), absl::OkStatus());
  EXPECT_THAT(values_.name_space, Eq(""));
  ASSERT_EQ(Parse({"--namespace="}), absl::OkStatus());
  EXPECT_THAT(values_.name_space, Eq(""));
  yaml_ = "namespace: ''\n";
  ASSERT_EQ(Parse({"--config=a.yaml"}), absl::OkStatus());
  EXPECT_THAT(values_.name_space, Eq(""));
  environment_["TRIBUTARY_NAMESPACE"] = "";
  ASSERT_EQ(Parse({}), absl::OkStatus());
  EXPECT_THAT(values_.name_space, Eq(""));
}

TEST_F(ConfigTest, Environment_ServiceLinksOfKubernetesAreNotOptions) {
  environment_["TRIBUTARY_PORT"] = "tcp://10.0.0.1:6006";
  ASSERT_EQ(Parse({}), absl::OkStatus());
  EXPECT_EQ(values_.port, std::nullopt);
  environment_["TRIBUTARY_PORT"] = "6007";
  ASSERT_EQ(Parse({}), absl::OkStatus());
  EXPECT_THAT(values_.port, Eq(6007));
}

TEST_F(ConfigTest, Truths) {
  ASSERT_EQ(Parse({"--once", "--purge_orphaned_data", "False"}), absl::OkStatus());
  EXPECT_TRUE(values_.once);
  EXPECT_FALSE(values_.purge);
  ASSERT_EQ(Parse({"--once=false"}), absl::OkStatus());
  EXPECT_FALSE(values_.once);
}

TEST_F(ConfigTest, UnderscoreAndHyphenAreTheSame) {
  ASSERT_EQ(Parse({"--connect_timeout=9s", "--purge-orphaned-data=false"}), absl::OkStatus());
  EXPECT_EQ(values_.timeout, absl::Seconds(9));
  EXPECT_FALSE(values_.purge);
}

TEST_F(ConfigTest, BareSecondsOnlyWhereDeclared) {
  ASSERT_EQ(Parse({"--reload_interval", "2.5"}), absl::OkStatus());
  EXPECT_EQ(values_.reload, absl::Milliseconds(2500));
  ASSERT_EQ(Parse({"--reload_interval", "1m"}), absl::OkStatus());
  EXPECT_EQ(values_.reload, absl::Minutes(1));
}

TEST_F(ConfigTest, RepeatedFlag_LastWins) {
  ASSERT_EQ(Parse({"--tries", "1", "--tries", "2"}), absl::OkStatus());
  EXPECT_EQ(values_.tries, 2);
}

TEST_F(ConfigTest, CommandWithArgument) {
  ASSERT_EQ(Parse({"mark", "/some/dir", "--tries", "2"}), absl::OkStatus());
  EXPECT_EQ(line_.command, "mark");
  EXPECT_THAT(line_.arguments, ElementsAre("/some/dir"));
  EXPECT_EQ(values_.tries, 2);
}

TEST_F(ConfigTest, RestAfterTwoHyphensIsNotTouched) {
  ASSERT_EQ(Parse({"run", "--tries", "2", "--", "python", "--tries", "900", "--", "-h"}),
            absl::OkStatus());
  EXPECT_EQ(values_.tries, 2);
  EXPECT_THAT(line_.rest, ElementsAre("python", "--tries", "900", "--", "-h"));
  EXPECT_FALSE(line_.help);
}

TEST_F(ConfigTest, HelpAndVersionWinOverWhatIsWrong) {
  environment_["TRIBUTARY_TRIES"] = "x";
  ASSERT_EQ(Parse({"plan", "--help"}), absl::OkStatus());
  EXPECT_TRUE(line_.help);
  EXPECT_EQ(line_.command, "plan");
  ASSERT_EQ(Parse({"--version"}), absl::OkStatus());
  EXPECT_TRUE(line_.version);
}

TEST_F(ConfigTest, HelpNamesDefaultsAndBounds) {
  ASSERT_EQ(Parse({}), absl::OkStatus());
  const std::string help = options_->HelpText("");
  EXPECT_THAT(help, HasSubstr("--ingest-memory SIZE"));
  EXPECT_THAT(help, HasSubstr("Default 256MiB. (8MiB to 1TiB)"));
  EXPECT_THAT(help, HasSubstr("--once\n"));
  EXPECT_THAT(help, HasSubstr("Exit codes: 0"));
  EXPECT_THAT(options_->HelpText("run"), Not(HasSubstr("--json")));
}

// The reference, with every line that holds a value made real, is a configuration that changes
// nothing.
TEST_F(ConfigTest, ReferenceYamlIsAConfigurationOfTheDefaults) {
  ASSERT_EQ(Parse({}), absl::OkStatus());
  std::vector<std::string> lines;
  bool unset = false;
  for (const absl::string_view each : absl::StrSplit(options_->ReferenceYaml(), '\n')) {
    std::string line(each);
    if (line.starts_with("#") && !line.starts_with("# ") && !unset) line.erase(0, 1);
    unset = line == "# Not set by default.";
    lines.push_back(line);
  }
  for (const std::string& line : lines) absl::StrAppend(&yaml_, line, "\n");
  const std::vector<Options::Effective> before = options_->EffectiveValues();
  ASSERT_EQ(Parse({"--config", "a.yaml"}), absl::OkStatus()) << yaml_;
  const std::vector<Options::Effective> after = options_->EffectiveValues();
  int from_file = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    if (before[i].name == "config") continue;
    EXPECT_EQ(before[i].values, after[i].values) << before[i].name;
    if (after[i].origin == Options::Origin::kFile) ++from_file;
  }
  EXPECT_EQ(from_file, 10);  // All but config, json, namespace and port.
}

TEST(ParseByteSizeTest, Malformed) {
  for (const char* text : {"", "x", "-1", "1Q", "1 2", "1.2.3KiB", ".", "256M", "1e3", "0x10",
                           "99999999999999999999", "20000000TiB", "99999999999.5TiB"}) {
    EXPECT_FALSE(ParseByteSize(text).ok()) << text;
  }
}

TEST(ParseByteSizeTest, Units) {
  EXPECT_EQ(*ParseByteSize("0"), 0u);
  EXPECT_EQ(*ParseByteSize("17"), 17u);
  EXPECT_EQ(*ParseByteSize("256MiB"), 256u << 20);
  EXPECT_EQ(*ParseByteSize(" 1.5 GiB "), 3ull << 29);
  EXPECT_EQ(*ParseByteSize("10MB"), 10'000'000u);
  EXPECT_EQ(*ParseByteSize("18446744073709551615"), std::numeric_limits<uint64_t>::max());
}

TEST(ParseDurationTest, Malformed) {
  for (const char* text : {"", "x", "10", "-1s", "inf", "1 s x", "s", "-2d", "nand"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
}

TEST(ParseDurationTest, Units) {
  EXPECT_EQ(*ParseDuration("0"), absl::ZeroDuration());
  EXPECT_EQ(*ParseDuration("250ms"), absl::Milliseconds(250));
  EXPECT_EQ(*ParseDuration("1m30s"), absl::Seconds(90));
  EXPECT_EQ(*ParseDuration("7d"), absl::Hours(168));
}

TEST(FormatTest, ReadsBackAsTheSame) {
  for (const uint64_t bytes : {0ull, 1ull, 1023ull, 1024ull, 1000ull, 256ull << 20, 3ull << 40}) {
    EXPECT_EQ(*ParseByteSize(ByteSizeText(bytes)), bytes);
  }
  for (const absl::Duration duration :
       {absl::ZeroDuration(), absl::Milliseconds(1), absl::Seconds(10), absl::Seconds(60),
        absl::Minutes(70), absl::Hours(24), absl::Hours(1), absl::Minutes(10), absl::Hours(10),
        absl::Seconds(3601)}) {
    EXPECT_EQ(*ParseDuration(DurationText(duration)), duration) << DurationText(duration);
  }
  EXPECT_EQ(DurationText(absl::Minutes(1)), "1m");
  EXPECT_EQ(DurationText(absl::Hours(1)), "1h");
  EXPECT_EQ(DurationText(absl::Minutes(10)), "10m");
  EXPECT_EQ(ByteSizeText(256u << 20), "256MiB");
}

TEST(NearestWordTest, OnlyWhatIsNear) {
  EXPECT_EQ(NearestWord("colector", {"config", "collector"}), "collector");
  EXPECT_EQ(NearestWord("xyz", {"config", "collector"}), "");
  EXPECT_EQ(NearestWord("ab", {"cd"}), "");
  EXPECT_EQ(NearestWord("x", {}), "");
}

}  // namespace
}  // namespace tributary
