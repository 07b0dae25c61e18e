#include "agent/doctor/node_layers.h"

#include <gmock/gmock.h>

#include "tests/agent/commands/command_harness.h"
#include "tests/agent/doctor/fakes.h"
#include "tests/support/event_file_builder.h"

namespace tributary::agent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kName[] = "events.out.tfevents.1767225500.host1.example.4711.0";

class NodeLayersTest : public CommandHarness {
 protected:
  NodeView View(const std::vector<std::string>& logdirs = {"/logs"}) {
    std::vector<std::string> arguments = {"doctor", "--collector", "localhost:1"};
    for (const std::string& logdir : logdirs) {
      arguments.insert(arguments.end(), {"--logdir", logdir});
    }
    config_ = Config(arguments);
    NodeView view;
    view.config = &config_;
    view.world = &world_;
    view.machine = &machine_;
    view.local = ListLocalFiles(config_, world_);
    return view;
  }
  void WriteEventFile(const std::string& path) {
    files_.WriteFile("/logs/" + path, EventFileBuilder().FileVersion().Build());
  }
  Finding Delivery(const NodeView& view) {
    const auto node = NodeOf(config_, world_);
    EXPECT_TRUE(node.ok());
    return CheckDelivery(view, *node, AskCollector(config_, *node, absl::Seconds(1), world_));
  }

  AgentConfig config_;
  FakeMachine machine_;
};

TEST_F(NodeLayersTest, Logdir_Good) {
  WriteEventFile("a/tfevents");
  const Finding finding = CheckLogdirs(View());
  EXPECT_EQ(finding.state, LayerState::kOk);
  EXPECT_THAT(finding.found, HasSubstr("1 event file, "));
}

TEST_F(NodeLayersTest, Logdir_Missing) {
  const Finding finding = CheckLogdirs(View({"/logs/not/there"}));
  EXPECT_EQ(finding.state, LayerState::kFails);
  EXPECT_EQ(finding.found, "/logs/not/there does not exist; /logs does");
}

TEST_F(NodeLayersTest, Logdir_Empty) {
  EXPECT_THAT(CheckLogdirs(View()).found, HasSubstr("/logs is empty"));
}

TEST_F(NodeLayersTest, Logdir_WithOtherFilesOnly) {
  Write("run/train.log", 10);
  Write("run/deep/model.pt", 10);
  const Finding finding = CheckLogdirs(View());
  EXPECT_EQ(finding.state, LayerState::kFails);
  EXPECT_THAT(finding.found, AllOf(HasSubstr("2 files, as train.log"), HasSubstr("\"tfevents\"")));
  EXPECT_THAT(finding.fix, HasSubstr("log_dir"));
}

TEST_F(NodeLayersTest, Permissions_OfAFile) {
  WriteEventFile("a/tfevents");
  WriteEventFile("b/tfevents");
  files_.SetOwner("/logs/a/tfevents", 1234);
  const NodeView view = View();
  EXPECT_EQ(CheckPermissions(view).state, LayerState::kOk);
  files_.Inject({.call = FakeFileSystem::Call::kOpen,
                 .status = absl::PermissionDeniedError("Permission denied"),
                 .times = FakeFileSystem::kForEver});
  const Finding finding = CheckPermissions(view);
  EXPECT_EQ(finding.state, LayerState::kFails);
  EXPECT_EQ(finding.found, "user u1000 may not read /logs/a/tfevents of user u1234 and 1 more");
  EXPECT_THAT(finding.fix, HasSubstr("setfacl"));
}

TEST_F(NodeLayersTest, Permissions_OfADirectory) {
  WriteEventFile("a/tfevents");
  files_.Inject({.call = FakeFileSystem::Call::kList,
                 .status = absl::PermissionDeniedError("/logs/a: Permission denied"),
                 .times = FakeFileSystem::kForEver,
                 .path_contains = "/logs/a"});
  const NodeView view = View();
  EXPECT_EQ(CheckLogdirs(view).state, LayerState::kOk);
  const Finding finding = CheckPermissions(view);
  EXPECT_EQ(finding.state, LayerState::kFails);
  EXPECT_THAT(finding.found, AllOf(HasSubstr("/logs"), HasSubstr("as user u1000")));
}

TEST_F(NodeLayersTest, Files_ThatAreNone) {
  WriteEventFile("good/tfevents");
  EXPECT_EQ(CheckEventFiles(View()).state, LayerState::kOk);
  files_.WriteFile("/logs/a/tfevents.gz", "\x1f\x8b\x08 and so on");
  Write("b/notes-on-tfevents.txt", 100);
  files_.WriteFile("/logs/c/tfevents", std::string(100, '\0'));  // not filled yet
  Write("d/tfevents", 3);                                        // not yet a header
  const Finding finding = CheckEventFiles(View());
  EXPECT_EQ(finding.state, LayerState::kWarns);
  EXPECT_THAT(finding.found,
              AllOf(HasSubstr("/logs/a/tfevents.gz is compressed by gzip and 1 more")));
}

TEST_F(NodeLayersTest, Inotify) {
  WriteEventFile("a/b/tfevents");
  WriteEventFile("c/tfevents");
  machine_.inotify = InotifyUse{100, 128, 96, 1};
  EXPECT_EQ(CheckInotify(View()).state, LayerState::kOk);
  machine_.inotify = InotifyUse{100, 128, 97, 1};
  const Finding watches = CheckInotify(View());
  EXPECT_EQ(watches.state, LayerState::kWarns);
  EXPECT_THAT(watches.found,
              HasSubstr("4 directories need as many watches, and 3 of 100 are left"));
  EXPECT_THAT(watches.fix, HasSubstr("fs.inotify.max_user_watches=524288"));
  machine_.inotify = InotifyUse{100, 128, 0, 128};
  EXPECT_THAT(CheckInotify(View()).fix, HasSubstr("max_user_instances"));
  machine_.inotify.reset();
  EXPECT_EQ(CheckInotify(View()).state, LayerState::kNotTried);
}

TEST_F(NodeLayersTest, Writers_ThatHaveTheFileOpen) {
  WriteEventFile("a/tfevents");
  machine_.processes[5] = {5, "python3", clock_.Wall()};
  machine_.open = {{5, "/logs/a/tfevents"}};
  EXPECT_EQ(CheckWriters(View()).state, LayerState::kOk);
  clock_.Advance(absl::Seconds(95));
  const Finding finding = CheckWriters(View());
  EXPECT_EQ(finding.state, LayerState::kWarns);
  EXPECT_THAT(finding.found, AllOf(HasSubstr("python3 (pid 5) writes /logs/a/tfevents"),
                                   HasSubstr("has not grown for 95 s"), HasSubstr("120 s")));
  EXPECT_THAT(finding.fix, HasSubstr("flush_secs"));
}

TEST_F(NodeLayersTest, Writers_ByTheNameOfTheFile) {
  WriteEventFile(std::string("a/") + kName);
  clock_.Advance(absl::Seconds(20));
  EXPECT_THAT(CheckWriters(View()).found, HasSubstr("no process"));
  machine_.processes[4711] = {4711, "python3", absl::FromUnixSeconds(1767225400)};
  EXPECT_THAT(CheckWriters(View()).found, HasSubstr("python3 (pid 4711)"));
  // Another process has the number by now.
  machine_.processes[4711].started = absl::FromUnixSeconds(1767225600);
  EXPECT_EQ(CheckWriters(View()).state, LayerState::kOk);
}

TEST_F(NodeLayersTest, Malformed_NamesOfWriters) {
  for (const char* name : {"tfevents", "tfevents.", "tfevents.12",
                           "tfevents.x.host1.example.4711.0", "tfevents.12.host1.example.",
                           "tfevents.12.host1.example.x.0", "tfevents.12.host2.4711.0"}) {
    WriteEventFile(name);
  }
  machine_.processes[4711] = {4711, "python3", absl::FromUnixSeconds(1)};
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(CheckWriters(View()).state, LayerState::kOk);
}

TEST_F(NodeLayersTest, Delivery_AllIsThere) {
  Write("a/tfevents", 10);
  Keep("a/tfevents", "host1/a", 10);
  EXPECT_THAT(Delivery(View()).found, HasSubstr("1 file, all safe"));
}

TEST_F(NodeLayersTest, Delivery_NoAgentRuns) {
  Write("a/tfevents", 10);
  Write("b/tfevents", 2000);
  Keep("a/tfevents", "host1/a", 10);
  const Finding finding = Delivery(View());
  EXPECT_EQ(finding.state, LayerState::kFails);
  EXPECT_EQ(finding.found,
            "no agent of node host1 is connected: 1 of 2 files (2.0 KiB) not there yet");
  EXPECT_EQ(finding.fix, "start it: tributary-agent --collector localhost:1 --logdir /logs");
}

TEST_F(NodeLayersTest, Delivery_TheFixIsTheAgentThatWasAskedAbout) {
  Write("a/tfevents", 10);
  config_ = Config({"doctor", "--collector", "localhost:1", "--plaintext", "--use-proxy", "--store",
                    "store", "--node", "n 1", "--namespace", "{job}/it's", "--label", "job=7",
                    "--logdir", "x=/logs"});
  NodeView view;
  view.config = &config_;
  view.world = &world_;
  view.machine = &machine_;
  view.local = ListLocalFiles(config_, world_);
  EXPECT_EQ(Delivery(view).fix,
            "start it: tributary-agent --collector localhost:1 --plaintext --use-proxy --store "
            "store --node 'n 1' --namespace '{job}/it'\\''s' --label job=7 --logdir x=/logs");
}

TEST_F(NodeLayersTest, Delivery_AnAgentOfAnotherDirectory) {
  Write("a/tfevents", 10);
  Connect("/data");
  const Finding finding = Delivery(View());
  EXPECT_EQ(finding.state, LayerState::kFails);
  EXPECT_THAT(finding.found,
              AllOf(HasSubstr("no agent follows /logs"), HasSubstr("/data (pid 77)")));
}

TEST_F(NodeLayersTest, Delivery_OnTheWay) {
  Write("a/tfevents", 10);
  Keep("a/tfevents", "host1/a", 4);
  Connect("/logs");
  const Finding finding = Delivery(View());
  EXPECT_EQ(finding.state, LayerState::kOk);
  EXPECT_THAT(finding.found, AllOf(HasSubstr("6 B"), HasSubstr("pid 77")));
}

TEST_F(NodeLayersTest, Delivery_TheCollectorFails) {
  Write("a/tfevents", 10);
  describe_error_ = absl::UnavailableError("gone");
  EXPECT_THAT(Delivery(View()).found, HasSubstr("gone"));
}

}  // namespace
}  // namespace tributary::agent
