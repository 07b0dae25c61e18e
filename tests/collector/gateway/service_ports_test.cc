#include "collector/gateway/service_ports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <utility>

#include "tests/support/fake_clock.h"

namespace tributary::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ServicePortsTest : public ::testing::Test {
 protected:
  ServicePortsTest() {
    ServicePorts::Dependencies dependencies;
    dependencies.services = &board_;
    dependencies.clock = &clock_;
    dependencies.log = &log_;
    dependencies.listen = [this](uint16_t port) -> absl::StatusOr<ServicePorts::Listener> {
      ++tries_;
      if (port == taken_) return absl::AlreadyExistsError("port is taken by sshd");
      open_.insert(port);
      return ServicePorts::Listener(new int, [this, port](void* number) {
        open_.erase(port);
        delete static_cast<int*>(number);
      });
    };
    dependencies.on_change = [this](std::set<uint16_t> ports) { told_ = std::move(ports); };
    dependencies_ = dependencies;
  }
  void Publish(const std::string& name, uint16_t port, ServiceMode mode) {
    auto snapshot = std::make_shared<ServiceSnapshot>(*board_.Get());
    ServiceStatus service;
    service.port = port;
    service.mode = mode;
    snapshot->services[{"n1", name}] = service;
    board_.Publish(snapshot);
  }

  FakeClock clock_;
  NullLogger log_;
  ServiceBoard board_;
  std::set<uint16_t> open_;
  std::set<uint16_t> told_;
  uint16_t taken_ = 0;
  int tries_ = 0;
  ServicePorts::Dependencies dependencies_;
};

TEST_F(ServicePortsTest, OffByDefault) {
  Publish("a", 7001, ServiceMode::kHost);
  ServicePorts ports({}, dependencies_);
  ports.Tick();
  EXPECT_EQ(tries_, 0);
}

TEST_F(ServicePortsTest, ListensForServicesOfModeHostInTheRange) {
  ServicePorts ports({7000, 7010}, dependencies_);
  Publish("a", 7000, ServiceMode::kHost);
  Publish("b", 7010, ServiceMode::kHost);
  Publish("c", 7011, ServiceMode::kHost);
  Publish("d", 7005, ServiceMode::kStrip);
  ports.Tick();
  EXPECT_THAT(open_, ElementsAre(7000, 7010));
  EXPECT_EQ(told_, open_);
  ports.Tick();
  EXPECT_EQ(tries_, 2);
  board_.Publish(std::make_shared<ServiceSnapshot>());
  ports.Tick();
  EXPECT_THAT(open_, IsEmpty());
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(ServicePortsTest, ATakenPortIsTriedAgainAfterAMinute) {
  ServicePorts ports({7000, 7010}, dependencies_);
  taken_ = 7001;
  Publish("a", 7001, ServiceMode::kHost);
  for (int i = 0; i < 59; ++i) {
    ports.Tick();
    clock_.Advance(absl::Seconds(1));
  }
  EXPECT_EQ(tries_, 1);
  taken_ = 0;
  clock_.Advance(absl::Seconds(2));
  ports.Tick();
  EXPECT_THAT(open_, ElementsAre(7001));
}

}  // namespace
}  // namespace tributary::gateway
