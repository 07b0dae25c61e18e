#include "collector/server.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/atomic_file.h"
#include "common/status_macros.h"

namespace tributary {
namespace {

// TensorBoard's ports: the first free one of so many.
constexpr uint16_t kFirstPort = 6006;
constexpr uint16_t kPorts = 100;
constexpr absl::Duration kAnswerGrace = absl::Seconds(5);

serve::HttpApi::Options ApiOptions(const Server::Options& options) {
  std::vector<std::string> paths;
  for (const LogdirOption& logdir : options.logdirs) paths.push_back(logdir.path);
  serve::HttpApi::Options api;
  api.path_prefix = options.config.path_prefix;
  api.webfiles = options.webfiles;
  api.window_title = options.config.window_title;
  api.data_location = absl::StrJoin(paths, ",");
  for (const auto& [plugin, count] : options.samples_per_plugin) {
    api.samples_per_plugin[plugin] = count;
  }
  return api;
}

}  // namespace

Server::Server(const Options& options, const Dependencies& dependencies)
    : options_(options),
      dependencies_(dependencies),
      index_(Index::Make({.purge_orphaned_data = options.config.purge_orphaned_data})) {
  metrics_.AddProcessMetrics(options.version, dependencies.clock->Wall());
  serve::HttpApi::Dependencies api;
  api.index = index_.get();
  api.cluster = &cluster_;
  api.clock = dependencies.clock;
  api.files = dependencies.files;
  api.start_nonce = dependencies.random->Next();
  api.health.ready = [this] { return Ready(); };
  api.health.metrics = [this] { return metrics_.Text(); };
  notifier_ = MakeInotifyNotifier();
  follow_ = std::make_unique<ThreadTaskQueue>("follow", dependencies.clock);
  LocalSource::Options source;
  for (const LogdirOption& logdir : options.logdirs) {
    source.logdirs.push_back({logdir.name, logdir.path});
  }
  std::vector<TaskQueue*> loaders;
  for (int64_t i = 0; i < options.config.load_threads; ++i) {
    loaders_.push_back(
        std::make_unique<ThreadTaskQueue>(absl::StrCat("load-", i), dependencies.clock));
    loaders.push_back(loaders_.back().get());
  }
  source_ =
      std::make_unique<LocalSource>(source, LocalSource::Dependencies{.files = dependencies.files,
                                                                      .clock = dependencies.clock,
                                                                      .notifier = notifier_.get(),
                                                                      .index = index_.get(),
                                                                      .log = dependencies.log,
                                                                      .follow = follow_.get(),
                                                                      .loaders = loaders});
  api_ = std::make_unique<serve::HttpApi>(ApiOptions(options), api);
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Options& options,
                                                      const Dependencies& dependencies) {
  std::unique_ptr<Server> server(new Server(options, dependencies));
  RETURN_IF_ERROR(server->Listen());
  server->StartLoading();
  return server;
}

absl::Status Server::Listen() {
  http_ = std::make_unique<http::HttpServer>(
      http::HttpServer::Options{},
      [this](const http::Request& request) { return api_->Handle(request); });
  const auto on_http = [this](int socket) { http_->Adopt(socket); };
  http::PortMux::Options listen;
  listen.host = options_.config.host;
  listen.all_interfaces = options_.config.bind_all;
  const bool exact = options_.config.port.has_value();
  const int tries = exact ? 1 : kPorts;
  absl::Status last;
  for (int i = 0; i < tries; ++i) {
    listen.port = exact ? static_cast<uint16_t>(*options_.config.port)
                        : static_cast<uint16_t>(kFirstPort + i);
    absl::StatusOr<std::unique_ptr<http::PortMux>> mux =
        http::PortMux::Listen(listen, nullptr, on_http);
    if (mux.ok()) {
      mux_ = *std::move(mux);
      break;
    }
    last = mux.status();
    if (!absl::IsAlreadyExists(last)) return last;
  }
  if (mux_ == nullptr) return last;
  if (options_.config.port_file.empty()) return absl::OkStatus();
  return WriteFileAtomically(dependencies_.files, options_.config.port_file,
                             absl::StrCat(mux_->port(), "\n"));
}

void Server::StartLoading() {
  source_->Start();
  watch_ = std::make_unique<DescriptorWatch>("notify", notifier_->descriptor(),
                                             [this] { source_->Wake(); });
}

absl::Status Server::Ready() const {
  const LocalSource::State state = source_->state();
  if (state.loaded) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("loading: ", state.bytes_done, " of ", state.bytes_total, " bytes"));
}

std::string Server::url() const {
  std::string host = options_.config.bind_all ? "localhost" : options_.config.host;
  if (host.find(':') != std::string::npos) host = absl::StrCat("[", host, "]");
  std::string prefix = options_.config.path_prefix;
  while (!prefix.empty() && prefix.back() == '/') prefix.pop_back();
  return absl::StrCat("http://", host, ":", port(), prefix, "/");
}

void Server::Stop() {
  if (stopped_) return;
  stopped_ = true;
  if (mux_ != nullptr) mux_->Stop();
  if (http_ != nullptr) http_->Stop(kAnswerGrace);
  watch_.reset();
  // The loaders post to `follow`, which posts to them: what is posted after a stop is dropped.
  follow_->Stop();
  for (const std::unique_ptr<ThreadTaskQueue>& loader : loaders_) loader->Stop();
}

Server::~Server() { Stop(); }

}  // namespace tributary
