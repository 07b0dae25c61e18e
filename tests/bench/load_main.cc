// Indexes a directory of event files as the collector does, and prints what it took as JSON.
//
//   index_load --logdir DIR [--threads N]
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "absl/types/span.h"
#include "collector/index/index.h"
#include "common/file.h"

namespace tributary {
namespace {

constexpr size_t kReadBytes = 1u << 20;

struct Loaded {
  std::shared_ptr<FileIndex> file;
  std::string path;
};

absl::Status LoadFile(const Loaded& loaded, std::vector<char>* buffer) {
  auto file = RealFileSystem()->OpenReadable(loaded.path);
  if (!file.ok()) return file.status();
  for (uint64_t offset = 0;;) {
    const auto count = (*file)->ReadAt(offset, absl::MakeSpan(*buffer));
    if (!count.ok()) return count.status();
    if (*count == 0) return absl::OkStatus();
    loaded.file->Append(absl::string_view(buffer->data(), *count));
    offset += *count;
  }
}

int Main(int argc, char** argv) {
  std::string logdir;
  int threads = 2;
  CLI::App app("Indexes a directory and prints what it took.");
  app.add_option("--logdir", logdir)->required();
  app.add_option("--threads", threads)->check(CLI::Range(1, 256));
  CLI11_PARSE(app, argc, argv);

  const auto start = std::chrono::steady_clock::now();
  const std::unique_ptr<Index> index = Index::Make({});
  std::vector<Loaded> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(logdir)) {
    if (entry.path().filename().string().find("tfevents") == std::string::npos) continue;
    EventFileIdentity identity;
    const std::string run = entry.path().parent_path().lexically_relative(logdir).string();
    identity.run = RunName(run.empty() ? "." : run);
    identity.file_name = entry.path().filename().string();
    identity.path = entry.path().lexically_relative(logdir).string();
    files.push_back({index->AddFile(identity, nullptr), entry.path().string()});
  }
  std::atomic<size_t> next{0};
  std::atomic<bool> failed{false};
  std::vector<std::thread> loaders;
  for (int i = 0; i < threads; ++i) {
    loaders.emplace_back([&] {
      std::vector<char> buffer(kReadBytes);
      for (size_t at = next++; at < files.size(); at = next++) {
        const absl::Status status = LoadFile(files[at], &buffer);
        if (status.ok()) continue;
        std::fprintf(stderr, "%s\n", status.ToString().c_str());
        failed = true;
      }
    });
  }
  for (std::thread& loader : loaders) loader.join();
  uint64_t points = 0;
  uint64_t series = 0;
  for (const std::string& plugin : index->Plugins()) {
    for (const SeriesInfo& info : index->ListSeries({.plugin_name = plugin})) {
      points += info.points;
      ++series;
    }
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  uint64_t bytes = 0;
  uint64_t records = 0;
  for (const Loaded& loaded : files) {
    bytes += loaded.file->indexed_bytes();
    records += loaded.file->records();
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf(
      "{\"seconds\": %.4f, \"mb_per_s\": %.1f, \"bytes\": %llu, \"files\": %zu, \"records\": %llu, "
      "\"series\": %llu, \"points\": %llu, \"peak_rss_bytes\": %lld, \"threads\": %d}\n",
      seconds, static_cast<double>(bytes) / seconds / 1e6, static_cast<unsigned long long>(bytes),
      files.size(), static_cast<unsigned long long>(records),
      static_cast<unsigned long long>(series), static_cast<unsigned long long>(points),
      static_cast<long long>(usage.ru_maxrss) * 1024, threads);
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace tributary

int main(int argc, char** argv) { return tributary::Main(argc, argv); }
