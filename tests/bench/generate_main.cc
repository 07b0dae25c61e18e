// Writes event files for benchmarks: the same bytes for the same arguments, on every machine.
//
//   generate_event_files --out DIR --runs N --tags T --steps S [--kind simple|tensor]
//
// Each run is a directory with one file, in which every step has one event for each tag: 55 bytes
// as simple values, 77 to 78 as TensorFlow 2 writes them (the first of a tag with its plugin).
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "common/eventfile/tfrecord_writer.h"
#include "common/file.h"

namespace tributary {
namespace {

constexpr double kStart = 1'700'000'000;
constexpr size_t kWriteBytes = 4u << 20;

struct Workload {
  std::string out;
  int runs = 100;
  int tags = 100;
  int64_t steps = 1000;
  std::string kind = "simple";
};

void AppendVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

void AppendBytes(int number, absl::string_view bytes, std::string* out) {
  AppendVarint(static_cast<uint64_t>(number) << 3 | 2, out);
  AppendVarint(bytes.size(), out);
  out->append(bytes.data(), bytes.size());
}

template <typename Value>
void AppendFixed(int number, int wire_type, Value value, std::string* out) {
  AppendVarint(static_cast<uint64_t>(number << 3 | wire_type), out);
  char bytes[sizeof(value)];
  std::memcpy(bytes, &value, sizeof(value));
  out->append(bytes, sizeof(bytes));
}

// A falling curve with noise: values as training makes them, which do not compress.
float Value(int run, int tag, int64_t step) {
  uint64_t mixed = static_cast<uint64_t>(run) * 0x9e3779b97f4a7c15u +
                   static_cast<uint64_t>(tag) * 0xc2b2ae3d27d4eb4fu +
                   static_cast<uint64_t>(step) * 0x165667b19e3779f9u;
  mixed ^= mixed >> 29;
  mixed *= 0xbf58476d1ce4e5b9u;
  mixed ^= mixed >> 32;
  const double noise = static_cast<double>(mixed >> 40) / (1 << 24);
  return static_cast<float>(1.0 / (1.0 + 0.01 * static_cast<double>(step)) + 0.1 * noise);
}

std::string Event(double wall_time, int64_t step, absl::string_view summary) {
  std::string event;
  AppendFixed(1, 1, wall_time, &event);
  if (step != 0) {
    AppendVarint(2 << 3, &event);
    AppendVarint(static_cast<uint64_t>(step), &event);
  }
  AppendBytes(5, summary, &event);
  return event;
}

std::string Summary(const Workload& workload, int run, int tag, int64_t step) {
  std::string value;
  AppendBytes(1, absl::StrFormat("train/metric_%03d", tag), &value);
  if (workload.kind == "simple") {
    AppendFixed(2, 5, Value(run, tag, step), &value);
  } else {
    // dtype DT_FLOAT, an empty shape, four bytes of content.
    const float number = Value(run, tag, step);
    std::string tensor("\x08\x01\x12\x00", 4);
    AppendBytes(4, absl::string_view(reinterpret_cast<const char*>(&number), sizeof(number)),
                &tensor);
    AppendBytes(8, tensor, &value);
    std::string plugin;
    AppendBytes(1, "scalars", &plugin);
    std::string metadata;
    AppendBytes(1, plugin, &metadata);
    AppendBytes(9, metadata, &value);
  }
  std::string summary;
  AppendBytes(1, value, &summary);
  return summary;
}

absl::Status WriteRun(const Workload& workload, int run) {
  FileSystem* files = RealFileSystem();
  const std::string directory = JoinPath(workload.out, absl::StrFormat("run_%05d", run));
  absl::Status status = files->MakeDirectories(directory);
  if (!status.ok()) return status;
  auto file = files->OpenWritable(
      JoinPath(directory, absl::StrFormat("events.out.tfevents.1700000000.bench.%d.0", run + 1)));
  if (!file.ok()) return file.status();
  std::string bytes;
  std::string version;
  AppendFixed(1, 1, kStart, &version);
  AppendBytes(3, "brain.Event:2", &version);
  AppendTfRecord(version, &bytes);
  for (int64_t step = 0; step < workload.steps; ++step) {
    for (int tag = 0; tag < workload.tags; ++tag) {
      // A step takes about 0.1 s, and its events follow each other by some microseconds.
      const double wall_time = kStart + 0.1 * static_cast<double>(step) +
                               0.01 * static_cast<double>(Value(run, 0, step)) + 7e-6 * tag;
      AppendTfRecord(Event(wall_time, step, Summary(workload, run, tag, step)), &bytes);
    }
    if (bytes.size() >= kWriteBytes) {
      status = (*file)->Append(bytes);
      if (!status.ok()) return status;
      bytes.clear();
    }
  }
  return (*file)->Append(bytes);
}

int Main(int argc, char** argv) {
  Workload workload;
  CLI::App app("Writes event files for benchmarks.");
  app.add_option("--out", workload.out, "The directory to make.")->required();
  app.add_option("--runs", workload.runs)->check(CLI::Range(1, 1'000'000));
  app.add_option("--tags", workload.tags)->check(CLI::Range(1, 1'000'000));
  app.add_option("--steps", workload.steps)->check(CLI::Range(1, 1'000'000'000));
  app.add_option("--kind", workload.kind)->check(CLI::IsMember({"simple", "tensor"}));
  CLI11_PARSE(app, argc, argv);
  for (int run = 0; run < workload.runs; ++run) {
    const absl::Status status = WriteRun(workload, run);
    if (!status.ok()) {
      std::fprintf(stderr, "%s\n", status.ToString().c_str());
      return 1;
    }
  }
  return 0;
}

}  // namespace
}  // namespace tributary

int main(int argc, char** argv) { return tributary::Main(argc, argv); }
