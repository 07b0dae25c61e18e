#include "collector/server.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "collector/addresses.h"
#include "collector/gateway/gateway.h"
#include "collector/gateway/grpc_cluster_service.h"
#include "collector/gateway/grpc_tunnel_calls.h"
#include "collector/index/index.h"
#include "collector/ingest/change_waker.h"
#include "collector/ingest/grpc_service.h"
#include "collector/ingest/ingest.h"
#include "collector/ingest/local_source.h"
#include "collector/port_choice.h"
#include "collector/registry/cluster_board.h"
#include "collector/registry/node_presence.h"
#include "collector/registry/run_decision_log.h"
#include "collector/registry/run_decisions.h"
#include "collector/registry/service_board.h"
#include "collector/registry/sqlite_registry.h"
#include "collector/run_decider.h"
#include "collector/serve/data_provider.h"
#include "collector/serve/grpc_data_provider.h"
#include "collector/serve/http_api.h"
#include "collector/services.h"
#include "collector/space_watch.h"
#include "collector/store/store.h"
#include "common/atomic_file.h"
#include "common/http/http_server.h"
#include "common/latch.h"
#include "common/mutex.h"
#include "common/status_macros.h"
#include "common/thread_task_queue.h"
#include "common/utf8.h"

namespace tributary {
namespace {

// How long what is under way may take when the collector stops.
constexpr absl::Duration kDrainGrace = absl::Seconds(10);
constexpr absl::Duration kCallGrace = absl::Seconds(2);

int ThreadsOrCores(int wanted) {
  if (wanted > 0) return wanted;
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, 8);
}

// Without a store nobody leases numbers, so that there is no session.
class NoTokens : public gateway::TunnelTokens {
 public:
  absl::StatusOr<uint64_t> SessionOfToken(absl::string_view) override {
    return absl::UnauthenticatedError("this collector has no store: start it with --data DIR");
  }
};

}  // namespace

std::string CollectorVersion() { return TRIBUTARY_VERSION; }

// Destroyed from the last to the first, after Stop: a queue goes before what its tasks use, the
// servers before what they ask.
struct Server::Parts {
  Parts(const CollectorConfig& config_in, const Dependencies& dependencies)
      : config(config_in),
        deps(dependencies),
        hosts({config.allowed_hosts,
               config.gateway_bases,
               {config.service_ports_first, config.service_ports_last}}),
        ingest_metrics(dependencies.metrics),
        local_metrics(dependencies.metrics) {}

  absl::Status OpenStore();
  absl::Status Listen();
  void MakeIngest();
  absl::Status MakeServices();
  void OnFatal(const absl::Status& status);
  void StartLocal();
  void StartGateway();
  void StartHttp();
  http::Response AnswerHttp(const http::Request& request);
  absl::Status StartGrpc();
  absl::Status Remember();
  Loading loading() const;
  absl::Status Ready() const;
  // On any thread of gRPC.
  ingest::v1::DescribeCollectorResponse Describe() ABSL_LOCKS_EXCLUDED(listening_mu);
  std::vector<std::string> LogdirProblems() const;
  std::string DataLocation() const;
  Addresses addresses() const {
    return {config, bound_port, store == nullptr ? "" : store->store_id()};
  }

  const CollectorConfig config;
  const Dependencies deps;
  uint64_t start_nonce = 0;
  ClusterBoard board;
  NodePresence nodes;
  gateway::HostTable hosts;
  ServiceBoard service_board;
  RunDecisionBoard decisions;
  ProjectorBoard projector_board;
  ProjectorBoard local_projector_board;
  IngestMetrics ingest_metrics;
  LocalMetrics local_metrics;
  std::unique_ptr<Index> index;
  std::unique_ptr<SqliteRegistry> registry;
  std::unique_ptr<Store> store;
  std::unique_ptr<RunDecisionLog> decision_log;
  std::unique_ptr<RunDecider> decider;
  std::optional<uint16_t> remembered_port;

  std::unique_ptr<Ingest> ingest;
  std::unique_ptr<Services> services;
  std::vector<std::unique_ptr<ThreadTaskQueue>> shard_queues;
  std::unique_ptr<ThreadTaskQueue> commit_queue;
  std::unique_ptr<ThreadTaskQueue> asset_queue;
  std::unique_ptr<ThreadTaskQueue> session_queue;
  std::unique_ptr<SpaceWatch> space;

  std::unique_ptr<ChangeNotifier> notifier;
  std::unique_ptr<LocalSource> local;
  std::vector<std::unique_ptr<ThreadTaskQueue>> load_queues;
  std::unique_ptr<ThreadTaskQueue> follow_queue;
  std::unique_ptr<ChangeWaker> waker;

  std::unique_ptr<serve::HttpApi> api;
  std::unique_ptr<http::HttpServer> http;
  std::unique_ptr<serve::DataProvider> provider;
  std::unique_ptr<serve::GrpcDataProvider> grpc_provider;
  std::unique_ptr<gateway::ServicesCalls> no_services;  // without a store
  NoTokens no_tokens;                                   // likewise
  std::unique_ptr<gateway::Gateway> gateway;
  std::unique_ptr<gateway::GrpcTunnelCalls> tunnel_calls;
  std::unique_ptr<gateway::GrpcClusterService> cluster_service;
  std::unique_ptr<GrpcServer> grpc;
  std::unique_ptr<http::PortMux> mux;
  std::atomic<int> bound_port{0};  // of `mux`, for threads that may run before it is set
  // Connections come in before `mux` is known to this.
  Mutex listening_mu;
  std::vector<std::string> listens_on ABSL_GUARDED_BY(listening_mu);
  bool stopped = false;
};

absl::Status Server::Parts::OpenStore() {
  RETURN_IF_ERROR(deps.files->MakeDirectories(config.data_dir));
  ASSIGN_OR_RETURN(registry, SqliteRegistry::Open(config.data_dir));
  Store::Options options;
  options.data_dir = config.data_dir;
  options.shards = ThreadsOrCores(config.shards);
  if (config.data_free_min_bytes.has_value()) {
    options.data_free_min_bytes = static_cast<int64_t>(*config.data_free_min_bytes);
  }
  ASSIGN_OR_RETURN(store,
                   Store::Open(options, {deps.files, deps.clock, deps.random, registry.get()}));
  std::vector<std::string> problems;
  ASSIGN_OR_RETURN(decision_log, RunDecisionLog::Open({}, registry.get(), &decisions, &problems));
  for (const std::string& problem : problems) {
    deps.log->Error("a decision about a run is lost", {{"reason", problem}});
  }
  index->SetRules(RulesOf(*decisions.Get()));
  ASSIGN_OR_RETURN(const std::optional<std::string> port, store->GetSetting("port"));
  int number = 0;
  if (port.has_value() && absl::SimpleAtoi(*port, &number) && number > 0 && number <= 65535) {
    remembered_port = static_cast<uint16_t>(number);
  }
  return absl::OkStatus();
}

void Server::Parts::MakeIngest() {
  session_queue = std::make_unique<ThreadTaskQueue>("session", deps.clock);
  commit_queue = std::make_unique<ThreadTaskQueue>("commit", deps.clock);
  asset_queue = std::make_unique<ThreadTaskQueue>("asset", deps.clock);
  space = std::make_unique<SpaceWatch>(
      SpaceWatch::Options{config.data_dir, config.data_free_min_bytes},
      SpaceWatch::Dependencies{deps.files, commit_queue.get(), deps.metrics});
  const int shards = ThreadsOrCores(config.shards);
  std::vector<TaskQueue*> shard_pointers;
  for (int i = 0; i < shards; ++i) {
    shard_queues.push_back(std::make_unique<ThreadTaskQueue>(
        absl::StrCat("shard-", i < 10 ? "0" : "", i), deps.clock));
    shard_pointers.push_back(shard_queues.back().get());
  }
  Ingest::Options options;
  options.credit.pool_bytes = config.ingest_memory_bytes;
  options.start_nonce = absl::StrCat(absl::Hex(start_nonce, absl::kZeroPad16));
  options.collector_version = CollectorVersion();
  Ingest::Dependencies dependencies;
  dependencies.store = store.get();
  dependencies.index = index.get();
  dependencies.files = deps.files;
  dependencies.clock = deps.clock;
  dependencies.board = &board;
  dependencies.nodes = &nodes;
  dependencies.projector = &projector_board;
  dependencies.metrics = &ingest_metrics;
  dependencies.log = deps.log;
  dependencies.session = session_queue.get();
  dependencies.commit = commit_queue.get();
  dependencies.asset = asset_queue.get();
  dependencies.shards = std::move(shard_pointers);
  dependencies.decisions = &decisions;
  dependencies.on_fatal = [this](const absl::Status& status) { OnFatal(status); };
  ingest = std::make_unique<Ingest>(options, dependencies);
  RunDecider::Options deciding;
  deciding.waiting_max = std::max(1, ThreadsOrCores(config.http_threads) / 2);
  decider = std::make_unique<RunDecider>(
      deciding, RunDecider::Dependencies{decision_log.get(), &decisions, index.get(), deps.clock,
                                         commit_queue.get(),
                                         [this](const absl::Status& status) { OnFatal(status); }});
}

// On the commit queue.
void Server::Parts::OnFatal(const absl::Status& status) {
  deps.log->Error("the registry cannot be trusted any more; ending to recover at the next start",
                  {{"error", status}});
  deps.on_fatal();
}

absl::Status Server::Parts::MakeServices() {
  Services::Options options;
  options.start_nonce = absl::StrCat(absl::Hex(start_nonce, absl::kZeroPad16));
  options.collector_version = CollectorVersion();
  options.path_prefix = config.path_prefix;
  Services::Dependencies dependencies;
  dependencies.registry = registry.get();
  dependencies.store = store.get();
  dependencies.nodes = &nodes;
  dependencies.commit = commit_queue.get();
  dependencies.clock = deps.clock;
  dependencies.random = deps.random;
  dependencies.board = &service_board;
  dependencies.metrics = deps.metrics;
  dependencies.log = deps.log;
  dependencies.on_fatal = [this](const absl::Status& status) { OnFatal(status); };
  ASSIGN_OR_RETURN(services, Services::Open(options, dependencies));
  return absl::OkStatus();
}

void Server::Parts::StartLocal() {
  const bool once = config.data_server.has_value() && config.data_server->read_once;
  if (!once) notifier = MakeInotifyNotifier();
  follow_queue = std::make_unique<ThreadTaskQueue>("follow", deps.clock);
  std::vector<TaskQueue*> loaders;
  for (int i = 0; i < ThreadsOrCores(0); ++i) {
    load_queues.push_back(std::make_unique<ThreadTaskQueue>(absl::StrCat("load-0", i), deps.clock));
    loaders.push_back(load_queues.back().get());
  }
  LocalSource::Options options;
  options.read_once = once;
  for (const LocalLogdir& logdir : config.logdirs) {
    options.logdirs.push_back({logdir.name, logdir.path});
  }
  LocalSource::Dependencies dependencies;
  dependencies.files = deps.files;
  dependencies.clock = deps.clock;
  dependencies.notifier = notifier.get();
  dependencies.index = index.get();
  dependencies.log = deps.log;
  dependencies.follow = follow_queue.get();
  dependencies.loaders = std::move(loaders);
  dependencies.metrics = &local_metrics;
  dependencies.projector = &local_projector_board;
  local = std::make_unique<LocalSource>(options, dependencies);
  local->Start();
  // Armed again when the follow queue has read what the notifier had.
  waker = std::make_unique<ChangeWaker>(
      notifier == nullptr ? -1 : notifier->descriptor(),
      [source = local.get()](ChangeWaker* self) { source->Wake([self] { self->Arm(); }); });
}

Server::Loading Server::Parts::loading() const {
  Loading loading;
  loading.done = true;
  if (ingest != nullptr) {
    loading.streams = ingest->streams_at_start();
    loading.streams_left = static_cast<uint64_t>(ingest->streams_loading());
    loading.done = loading.streams_left == 0;
  }
  if (local != nullptr) {
    const LocalSource::State state = local->state();
    loading.bytes_done = state.bytes_done;
    loading.bytes_total = state.bytes_total;
    loading.files = state.files;
    loading.done = loading.done && state.loaded;
  }
  return loading;
}

absl::Status Server::Parts::Ready() const {
  const Loading now = loading();
  if (now.done) return absl::OkStatus();
  if (now.streams_left > 0) {
    return absl::UnavailableError(
        absl::StrCat("loading: ", now.streams_left, " streams of the store"));
  }
  return absl::UnavailableError(
      absl::StrCat("loading: ", now.bytes_done, " of ", now.bytes_total, " bytes of local files"));
}

std::vector<std::string> Server::Parts::LogdirProblems() const {
  constexpr size_t kProblemsMax = 20;
  if (local == nullptr) return {};
  LocalSource::State state = local->state();
  for (const std::string& path : state.empty_logdirs) {
    state.problems.push_back(absl::StrCat("logdir ", path, " has no event file"));
  }
  state.problems.resize(std::min(state.problems.size(), kProblemsMax));
  return std::move(state.problems);
}

ingest::v1::DescribeCollectorResponse Server::Parts::Describe() {
  ingest::v1::DescribeCollectorResponse response;
  response.set_collector_version(CollectorVersion());
  if (store != nullptr) response.set_store_id(store->store_id());
  response.set_clock_unix_nanos(absl::ToUnixNanos(deps.clock->Wall()));
  response.set_host_name(HostName());
  response.set_path_prefix(config.path_prefix);
  if (const absl::Status ready = Ready(); !ready.ok()) {
    response.set_not_ready(std::string(ready.message()));
  }
  if (space != nullptr) {
    if (const auto now = space->Get(); now.has_value()) *response.mutable_space() = *now;
  }
  for (const std::string& problem : LogdirProblems()) {
    response.add_logdir_problems(ValidUtf8(problem));
  }
  MutexLock lock(&listening_mu);
  response.mutable_listens_on()->Assign(listens_on.begin(), listens_on.end());
  return response;
}

std::string Server::Parts::DataLocation() const {
  std::vector<std::string> places;
  for (const LocalLogdir& logdir : config.logdirs) {
    places.push_back(logdir.name.empty() ? logdir.path
                                         : absl::StrCat(logdir.name, "=", logdir.path));
  }
  if (!config.data_dir.empty()) places.push_back(JoinPath(config.data_dir, "logdir"));
  return absl::StrJoin(places, ", ");
}

void Server::Parts::StartGateway() {
  gateway::Gateway::Options options;
  options.path_prefix = config.path_prefix;
  gateway::Gateway::Dependencies dependencies;
  dependencies.clock = deps.clock;
  dependencies.services = &service_board;
  dependencies.hosts = &hosts;
  if (services != nullptr) {
    dependencies.tokens = services->tokens();
  } else {
    dependencies.tokens = &no_tokens;
  }
  dependencies.log = deps.log;
  dependencies.metrics = deps.metrics;
  dependencies.give_back = [this](int socket, std::string bytes) { http->Adopt(socket, bytes); };
  dependencies.listen = [this](uint16_t port) -> absl::StatusOr<gateway::ServicePorts::Listener> {
    http::PortMux::Options mux_options;
    mux_options.host = config.host;
    mux_options.port = port;
    mux_options.all_interfaces = config.all_interfaces;
    ASSIGN_OR_RETURN(auto listener, http::PortMux::Listen(mux_options, nullptr, [this](int socket) {
                       http->Adopt(socket);
                     }));
    return gateway::ServicePorts::Listener(std::move(listener));
  };
  gateway = std::make_unique<gateway::Gateway>(options, dependencies);
}

http::Response Server::Parts::AnswerHttp(const http::Request& request) {
  using Kind = gateway::HostTable::Kind;
  const absl::string_view host = request.Header("host");
  const Kind kind = gateway->FindHost(host).kind;
  // What is a service's port answers for that service only.
  const bool of_service = hosts.IsServicePort(request.local_port);
  // Probes come by any name, and learn nothing that a page could use.
  if ((kind == Kind::kOurs && !of_service) || request.path == "/healthz" ||
      request.path == "/readyz" || request.path == "/metrics") {
    return api->Handle(request);
  }
  if (kind == Kind::kForeign) {
    return gateway::ErrorPage(
        421, "Not a name of this collector",
        {absl::StrCat("It was asked as '", host,
                      "', which is none of its names. If that name is "
                      "meant to lead here, start the collector with --allowed_hosts ",
                      gateway::SplitHost(host).host, ".")});
  }
  return gateway::ErrorPage(400, "Bad request", {"The request is not well formed."});
}

void Server::Parts::StartHttp() {
  serve::HttpApi::Options options;
  options.path_prefix = config.path_prefix;
  options.webfiles = config.webfiles;
  options.window_title = config.window_title;
  options.data_location = DataLocation();
  options.has_store = !config.data_dir.empty();
  options.runs_max = config.runs_max;
  options.samples_per_plugin = config.samples_per_plugin;
  serve::HttpApi::Dependencies dependencies;
  dependencies.index = index.get();
  dependencies.cluster = &board;
  dependencies.services = &service_board;
  dependencies.projector = &projector_board;
  dependencies.hosts = &hosts;
  dependencies.local_projector = &local_projector_board;
  dependencies.clock = deps.clock;
  dependencies.files = deps.files;
  dependencies.log = deps.log;
  dependencies.start_nonce = start_nonce;
  dependencies.decisions.board = &decisions;
  if (decision_log != nullptr) {
    dependencies.decisions.audit = &decision_log->audit();
    dependencies.decisions.decide = [this](const RunDecision& decision, const std::string& who) {
      return decider->Decide(decision, who);
    };
  }
  dependencies.health.ready = [this] { return Ready(); };
  dependencies.health.metrics = [this] { return deps.metrics->Text(); };
  dependencies.collector = [this] {
    const Addresses now = addresses();
    return serve::CollectorFacts{CollectorVersion(), now.JoinCommand(), now.JoinNote()};
  };
  api = std::make_unique<serve::HttpApi>(options, dependencies);
  if (!api->webfiles_status().ok() && !config.data_server.has_value()) {
    deps.log->Warn("TensorBoard's page is not served; everything else is",
                   {{"webfiles", config.webfiles}, {"reason", api->webfiles_status()}});
  }
  http::HttpServer::Options http_options;
  http_options.threads = ThreadsOrCores(config.http_threads);
  http_options.wants = [this](absl::string_view head, uint16_t port) {
    return gateway->Wants(head, port);
  };
  http_options.take_over = [this](int socket, std::string bytes, std::string peer, uint16_t port) {
    gateway->Take(socket, std::move(bytes), std::move(peer), port);
  };
  http = std::make_unique<http::HttpServer>(
      http_options, [this](const http::Request& request) { return AnswerHttp(request); });
}

absl::Status Server::Parts::StartGrpc() {
  serve::DataProvider::Options options;
  options.data_location = DataLocation();
  if (config.data_server.has_value()) options.points_max = config.data_server->points_max;
  provider = std::make_unique<serve::DataProvider>(options, index.get(), deps.metrics);
  serve::GrpcDataProvider::Options grpc_options;
  grpc_options.threads = std::max(2, ThreadsOrCores(config.http_threads));
  grpc_provider = std::make_unique<serve::GrpcDataProvider>(grpc_options, provider.get());
  if (services == nullptr) no_services = gateway::MakeGrpcServices(nullptr, nullptr, deps.clock);
  tunnel_calls = std::make_unique<gateway::GrpcTunnelCalls>(
      gateway->queue(),
      [this](std::unique_ptr<tunnel::FramePipe> pipe) { gateway->AcceptTunnel(std::move(pipe)); });
  cluster_service = std::make_unique<gateway::GrpcClusterService>(
      services == nullptr ? no_services.get() : services->calls(), tunnel_calls.get());
  GrpcServer::Options server_options;
  server_options.describe = [this] { return Describe(); };
  ASSIGN_OR_RETURN(grpc, GrpcServer::Start(server_options, ingest.get(),
                                           {grpc_provider->service(), cluster_service->service()}));
  return absl::OkStatus();
}

absl::Status Server::Parts::Listen() {
  const auto listen = [this](uint16_t port) {
    http::PortMux::Options options;
    options.host = config.host;
    options.port = port;
    options.all_interfaces = config.all_interfaces;
    auto listening = http::PortMux::Listen(
        options, [this](int socket) { grpc->Adopt(socket); },
        [this](int socket) { http->Adopt(socket); });
    if (!listening.ok()) return listening.status();
    mux = *std::move(listening);
    bound_port = mux->port();
    MutexLock lock(&listening_mu);
    listens_on = mux->addresses();
    return absl::OkStatus();
  };
  std::string passed_over;
  RETURN_IF_ERROR(ChoosePort({config.port, remembered_port}, listen, &passed_over));
  if (!passed_over.empty()) {
    deps.log->Warn("listening on another port than the usual one",
                   {{"port", mux->port()}, {"reason", passed_over}});
  }
  return absl::OkStatus();
}

// The port of a store is that of its first start, or the last one that was asked for by number.
absl::Status Server::Parts::Remember() {
  if (store == nullptr || config.port == 0 || remembered_port == mux->port()) {
    return absl::OkStatus();
  }
  absl::Status status;
  Latch done;
  commit_queue->Post([&] {
    status = store->PutSetting("port", absl::StrCat(mux->port()));
    done.Set();
  });
  done.Wait();
  return status;
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() { Stop(); }

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const CollectorConfig& config,
                                                      const Dependencies& dependencies) {
  auto server = std::unique_ptr<Server>(new Server(std::make_unique<Parts>(config, dependencies)));
  Parts* const parts = server->parts_.get();
  parts->start_nonce = dependencies.random->Next();
  parts->index = Index::Make({config.purge_orphaned_data});
  if (!config.data_dir.empty()) RETURN_IF_ERROR(parts->OpenStore());
  parts->StartHttp();
  if (parts->store != nullptr) {
    parts->MakeIngest();
    RETURN_IF_ERROR(parts->MakeServices());
  }
  parts->StartGateway();
  RETURN_IF_ERROR(parts->StartGrpc());
  // Before the first socket comes in: from here on the store belongs to the queues.
  if (parts->ingest != nullptr) {
    parts->ingest->Start();
    parts->services->Start();
    parts->space->Start();
  }
  // Likewise: whoever asks whether all is loaded asks it too.
  if (!config.logdirs.empty()) parts->StartLocal();
  RETURN_IF_ERROR(parts->Listen());
  parts->gateway->Listening(parts->mux->port());
  RETURN_IF_ERROR(parts->Remember());
  if (parts->services != nullptr) {
    parts->services->Listening(NodeName(), parts->mux->port(), parts->addresses().Origin());
  }
  if (!config.port_file.empty()) {
    RETURN_IF_ERROR(WriteFileAtomically(dependencies.files, config.port_file,
                                        absl::StrCat(parts->mux->port(), "\n")));
  }
  return server;
}

Server::Loading Server::loading() const { return parts_->loading(); }

uint16_t Server::port() const { return parts_->mux->port(); }

Addresses Server::addresses() const { return parts_->addresses(); }

void Server::Stop() {
  Parts* const parts = parts_.get();
  if (parts->stopped) return;
  parts->stopped = true;
  if (parts->mux != nullptr) parts->mux->Stop();
  if (parts->services != nullptr) parts->services->Stop("the collector stops");
  if (parts->ingest != nullptr) {
    auto done = std::make_shared<Latch>();
    parts->ingest->Stop("the collector stops", [done] { done->Set(); });
    if (!done->WaitFor(parts->deps.clock, kDrainGrace)) {
      parts->deps.log->Warn("the store was slow; agents send again what is not durable", {});
    }
  }
  // Its tunnels are calls of the gRPC server, its connections go back to the HTTP server.
  if (parts->gateway != nullptr) parts->gateway->Stop();
  if (parts->grpc != nullptr) parts->grpc->Stop(kCallGrace);
  // Their calls have all ended.
  parts->grpc_provider.reset();
  parts->cluster_service.reset();
  if (parts->http != nullptr) parts->http->Stop(kCallGrace);
  if (parts->follow_queue != nullptr) parts->follow_queue->Stop();
  // Now that no task of that queue arms it any more.
  parts->waker.reset();
  for (auto& queue : parts->load_queues) queue->Stop();
  if (parts->session_queue != nullptr) parts->session_queue->Stop();
  for (auto& queue : parts->shard_queues) queue->Stop();
  if (parts->asset_queue != nullptr) parts->asset_queue->Stop();
  if (parts->commit_queue != nullptr) parts->commit_queue->Stop();
}

}  // namespace tributary
