// Holds a service that listens already, until it is ended: the leases and the tunnel of one
// process, for tests and benchmarks of the gateway.
//
// usage: hold_service ADDRESS NODE SERVICE PORT keep|strip|host
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include "agent/tunnel/grpc_tunnel.h"
#include "common/random.h"
#include "tributary/cluster/v1/cluster.grpc.pb.h"

namespace tributary {
namespace {

namespace v1 = cluster::v1;

struct Arguments {
  std::string address;
  std::string node;
  std::string service;
  uint32_t port = 0;
  v1::ServiceMode mode = v1::SERVICE_MODE_HOST;
};

v1::ServiceMode ModeOf(const std::string& text) {
  if (text == "keep") return v1::SERVICE_MODE_KEEP;
  return text == "strip" ? v1::SERVICE_MODE_STRIP : v1::SERVICE_MODE_HOST;
}

// Until the session breaks. Says "granted SERVICE PORT PREFIX" on standard output.
void HoldOnce(const Arguments& arguments, const std::string& nonce, std::string* held,
              agent::GrpcTunnel* tunnel) {
  const auto channel = grpc::CreateChannel(arguments.address, grpc::InsecureChannelCredentials());
  const auto stub = v1::Cluster::NewStub(channel);
  grpc::ClientContext context;
  const auto stream = stub->Services(&context);
  v1::ServicesRequest request;
  v1::ServicesHello* const hello = request.mutable_hello();
  hello->set_protocol_version(1);
  hello->set_process_nonce(nonce);
  hello->set_pid(getpid());
  hello->mutable_node()->set_name(arguments.node);
  hello->mutable_node()->set_host_name(arguments.node);
  hello->mutable_node()->set_machine_id("machine of " + arguments.node);
  hello->mutable_node()->set_boot_id("boot of " + arguments.node);
  v1::ServicesReply reply;
  if (!stream->Write(request) || !stream->Read(&reply)) return;
  if (!reply.has_welcome()) {
    std::fprintf(stderr, "%s\n", reply.ShortDebugString().c_str());
    return;
  }
  const std::string token = reply.welcome().tunnel_token();
  request.Clear();
  v1::Claim* const claim = request.mutable_claim();
  claim->set_claim_id(1);
  claim->set_service(arguments.service);
  claim->set_listens_on(arguments.port);
  claim->set_held_service(*held);
  claim->set_mode(arguments.mode);
  if (!stream->Write(request) || !stream->Read(&reply)) return;
  if (!reply.has_granted()) {
    std::fprintf(stderr, "%s\n", reply.ShortDebugString().c_str());
    return;
  }
  *held = reply.granted().service();
  std::printf("granted %s %u %s\n", held->c_str(), reply.granted().port(),
              reply.granted().prefix().c_str());
  std::fflush(stdout);
  tunnel->SetServices({{*held, static_cast<uint16_t>(arguments.port)}});
  tunnel->SetToken(token);
  request.Clear();
  request.mutable_listening()->set_claim_id(1);
  request.mutable_listening()->set_port(arguments.port);
  if (!stream->Write(request)) return;
  for (uint64_t number = 1;; ++number) {
    request.Clear();
    request.mutable_renew()->set_number(number);
    if (!stream->Write(request)) return;
    do {
      if (!stream->Read(&reply)) return;
    } while (!reply.has_renewed());
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

}  // namespace
}  // namespace tributary

int main(int argc, char** argv) {
  using namespace tributary;
  if (argc != 6) return 2;
  const Arguments arguments = {argv[1], argv[2], argv[3], static_cast<uint32_t>(std::atoi(argv[4])),
                               ModeOf(argv[5])};
  NullLogger log;
  SystemRandom random;
  const std::string nonce = random.Hex(32);
  std::string held;
  agent::GrpcTransportOptions options;
  options.address = arguments.address;
  agent::GrpcTunnel tunnel(options, RealClock(), &log);
  for (;;) {
    HoldOnce(arguments, nonce, &held, &tunnel);
    tunnel.SetToken("");
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}
