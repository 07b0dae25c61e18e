#include "agent/node_facts.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/slurm_nodelist.h"
#include "common/atomic_file.h"
#include "common/status_macros.h"

namespace tributary::agent {
namespace {

constexpr size_t kFactBytesMax = 200;
constexpr uint64_t kIdFileBytesMax = 256;

std::optional<std::string> Set(const Environment& environment, const std::string& name) {
  std::optional<std::string> value = environment(name);
  if (value.has_value() && value->empty()) return std::nullopt;
  return value;
}

// The first variable that is set.
std::optional<Fact> FirstOf(const Environment& environment, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (std::optional<std::string> value = Set(environment, name)) return Fact{*value, name};
  }
  return std::nullopt;
}

std::string ReadId(FileSystem* files, const std::string& path) {
  // Absence is no error: containers often have no machine id.
  const absl::StatusOr<std::string> text = ReadWholeFile(files, path, kIdFileBytesMax);
  return text.ok() ? std::string(absl::StripAsciiWhitespace(*text)) : "";
}

std::optional<Fact> Job(const Environment& environment) {
  if (std::optional<Fact> job = FirstOf(environment, {"TRIBUTARY_JOB"})) return job;
  const std::optional<std::string> array = Set(environment, "SLURM_ARRAY_JOB_ID");
  const std::optional<std::string> task = Set(environment, "SLURM_ARRAY_TASK_ID");
  if (array.has_value() && task.has_value()) {
    return Fact{absl::StrCat(*array, "_", *task), "SLURM_ARRAY_JOB_ID and SLURM_ARRAY_TASK_ID"};
  }
  if (std::optional<Fact> job = FirstOf(environment, {"SLURM_JOB_ID"})) return job;
  // torchrun sets "none" where it was given no id.
  if (std::optional<Fact> job = FirstOf(environment, {"TORCHELASTIC_RUN_ID"});
      job.has_value() && job->value != "none") {
    return job;
  }
  return FirstOf(environment, {"PBS_JOBID", "LSB_JOBID", "JOB_ID"});
}

}  // namespace

absl::Status CheckFactValue(absl::string_view fact, const Fact& value) {
  const auto bad = [&](absl::string_view reason) {
    return absl::InvalidArgumentError(
        absl::StrCat("{", fact, "} from ", value.source, " ", reason));
  };
  if (value.value.empty()) return bad("is empty");
  if (value.value.size() > kFactBytesMax) {
    return bad(absl::StrCat("has ", value.value.size(), " bytes, at most ", kFactBytesMax,
                            " are allowed: \"", value.value.substr(0, 40), "…\""));
  }
  if (absl::StrContains(value.value, '/')) {
    return bad(absl::StrCat("holds a '/': \"", value.value, "\""));
  }
  return absl::OkStatus();
}

absl::StatusOr<NodeFacts> ReadNodeFacts(const std::optional<Fact>& node_option,
                                        const std::string& host_name,
                                        const Environment& environment, FileSystem* files) {
  NodeFacts facts;
  facts.host_name = host_name;
  const std::string short_name = host_name.substr(0, host_name.find('.'));
  const std::optional<Fact> slurm_name = FirstOf(environment, {"SLURMD_NODENAME"});
  if (node_option.has_value()) {
    facts.node = *node_option;
  } else if (slurm_name.has_value()) {
    facts.node = *slurm_name;
  } else {
    facts.node = {short_name, "host name"};
  }
  RETURN_IF_ERROR(CheckFactValue("node", facts.node));
  facts.machine_id = ReadId(files, "/etc/machine-id");
  facts.boot_id = ReadId(files, "/proc/sys/kernel/random/boot_id");
  const auto add = [&facts](const std::string& name) {
    std::vector<std::string>& names = facts.names_in_lists;
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) {
      names.push_back(name);
    }
  };
  if (slurm_name.has_value()) add(slurm_name->value);
  add(facts.node.value);
  add(short_name);
  add(host_name);
  return facts;
}

JobFacts ReadJobFacts(const Environment& environment, bool wraps_command) {
  JobFacts job;
  const auto set = [&job](const char* name, std::optional<Fact> fact) {
    if (fact.has_value()) job.facts.emplace(name, *std::move(fact));
  };
  set("job", Job(environment));
  set("job_name", FirstOf(environment, {"SLURM_JOB_NAME", "PBS_JOBNAME", "LSB_JOBNAME"}));
  if (wraps_command) {
    // Slurm's last: a rank that mpirun starts within a batch step has that step's SLURM_PROCID.
    set("rank", FirstOf(environment, {"RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID"}));
  }
  job.nodelist = FirstOf(environment, {"SLURM_JOB_NODELIST"});

  std::optional<Fact> place;
  const std::optional<std::string> slurm_name = Set(environment, "SLURMD_NODENAME");
  if (job.nodelist.has_value() && slurm_name.has_value()) {
    const absl::StatusOr<std::optional<size_t>> found =
        PlaceInNodelist(job.nodelist->value, {*slurm_name});
    if (!found.ok()) {
      job.nodelist_problem = std::string(found.status().message());
    } else if (!found->has_value()) {
      job.nodelist_problem = absl::StrCat("SLURM_JOB_NODELIST \"", job.nodelist->value,
                                          "\" does not name SLURMD_NODENAME \"", *slurm_name, "\"");
    } else {
      place = Fact{absl::StrCat(**found), "place of SLURMD_NODENAME in SLURM_JOB_NODELIST"};
      job.in_slurm = Set(environment, "SLURM_JOB_ID").has_value();
    }
  }
  set("index", FirstOf(environment, {"TRIBUTARY_INDEX"}));
  set("index", place);
  set("index", FirstOf(environment, {"JOB_COMPLETION_INDEX"}));
  return job;
}

}  // namespace tributary::agent
