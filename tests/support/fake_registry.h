// A registry in memory whose commits fail, come late, or are lost with the power, as told.
#ifndef TRIBUTARY_TESTS_SUPPORT_FAKE_REGISTRY_H_
#define TRIBUTARY_TESTS_SUPPORT_FAKE_REGISTRY_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "collector/registry/registry.h"

namespace tributary {

// What is on its "disk" outlives Crash and Reopen; keep one object for the life of a test and give
// it to one store after another.
//
// Not thread-safe.
class FakeRegistry : public Registry {
 public:
  // What becomes of a commit whose expectations hold.
  enum class Fate {
    kDurable,        // OK, and it survives a crash
    kNoSpace,        // ResourceExhausted, nothing changed
    kLostUnknown,    // Internal; not applied, and will not be found after Reopen
    kAppliedUnknown  // Internal; applied, and found after Reopen
  };
  using Script = std::function<Fate(const RegistryTransaction&)>;

  // Asked for each commit; null: every commit is durable. It may crash the test's disk, move its
  // clock, or count.
  void SetScript(Script script) { script_ = std::move(script); }
  // The next commit has this fate, after `passing` durable ones. Replaces a script.
  void FailCommit(Fate fate, int passing = 0);

  // A registry that lies: OK is answered, and Crash forgets what was committed since. To show that
  // a test notices.
  void ForgetAtCrashFromNowOn() { kept_at_crash_ = durable_; }

  // The process is gone, or the power: the registry is closed. To be called with
  // FakeFileSystem::Crash.
  void Crash();
  // Opens it again after a crash, or after an unknown outcome.
  void Reopen() { broken_ = absl::OkStatus(); }

  absl::StatusOr<std::optional<std::string>> Get(absl::string_view key) override;
  absl::StatusOr<std::vector<RegistryEntry>> List(absl::string_view prefix) override;
  absl::Status Commit(const RegistryTransaction& transaction) override;

  int commits() const { return commits_; }
  // A backup, and an older disk swapped in.
  std::map<std::string, std::string> Snapshot() const { return durable_; }
  void Restore(std::map<std::string, std::string> entries) { durable_ = std::move(entries); }
  // Rots or sets a value.
  std::map<std::string, std::string>* entries() { return &durable_; }

 private:
  void Apply(const RegistryTransaction& transaction);

  Script script_;
  std::map<std::string, std::string> durable_;
  std::optional<std::map<std::string, std::string>> kept_at_crash_;
  absl::Status broken_;
  int commits_ = 0;
};

}  // namespace tributary

#endif  // TRIBUTARY_TESTS_SUPPORT_FAKE_REGISTRY_H_
