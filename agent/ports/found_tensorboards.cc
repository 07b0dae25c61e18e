#include "agent/ports/found_tensorboards.h"

#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/utf8.h"

namespace tributary::agent {
namespace {

constexpr char kService[] = "tensorboard";

}  // namespace

void FoundTensorboards::Look() {
  deps_.queue->PostAfter(options_.look_every, [this] { Look(); });
  std::set<Key> running;
  for (const RunningTensorboard& tensorboard :
       FindRunningTensorboards(options_.directory, deps_.files, deps_.ports)) {
    const Key key = {tensorboard.info.port, tensorboard.info.pid};
    running.insert(key);
    const auto known = found_.find(key);
    if (known != found_.end()) {
      if (deps_.clock->Monotonic() >= known->second.again) Claim(tensorboard, &known->second);
      continue;
    }
    if (found_.size() >= options_.found_max) {
      if (!too_many_told_) {
        deps_.log->Warn("more TensorBoards run here than are registered",
                        {{"registered", found_.size()}});
      }
      too_many_told_ = true;
      continue;
    }
    Found& found = found_[key];
    found.claim_id = ++last_claim_id_;
    deps_.log->Info(
        "found a TensorBoard",
        {{"port", key.first}, {"pid", key.second}, {"logdir", tensorboard.info.logdir}});
    Claim(tensorboard, &found);
  }
  for (auto it = found_.begin(); it != found_.end();) {
    if (running.contains(it->first)) {
      ++it;
      continue;
    }
    deps_.log->Info("a TensorBoard ended", {{"port", it->first.first}, {"pid", it->first.second}});
    deps_.client->Release(it->second.claim_id);
    it = found_.erase(it);
  }
}

void FoundTensorboards::Claim(const RunningTensorboard& tensorboard, Found* found) {
  found->again = absl::InfiniteDuration();
  cluster::v1::Claim claim;
  claim.set_claim_id(found->claim_id);
  claim.set_service(kService);
  claim.set_listens_on(tensorboard.info.port);
  claim.set_found(true);
  // Its pages have relative links.
  claim.set_mode(cluster::v1::SERVICE_MODE_STRIP);
  claim.set_base_path(tensorboard.info.path_prefix);
  claim.set_user(ValidUtf8(deps_.user_name(tensorboard.owner_uid)));
  claim.set_pid(tensorboard.info.pid);
  claim.set_command(tensorboard.info.logdir.empty()
                        ? kService
                        : absl::StrCat(kService, " --logdir ", tensorboard.info.logdir));
  deps_.client->Claim(std::move(claim));
  deps_.client->Listening(found->claim_id, tensorboard.info.port);
}

void FoundTensorboards::OnEvent(const ServiceClient::Event& event) {
  for (auto& [key, found] : found_) {
    if (found.claim_id != event.claim_id) continue;
    if (event.granted.has_value()) {
      deps_.log->Info("a TensorBoard opens at the collector",
                      {{"port", key.first}, {"url", event.granted->url()}});
    } else {
      const auto& refused = *event.refused;
      if (refused.reason() != cluster::v1::REFUSED_REASON_REGISTERED) {
        deps_.log->Warn("a TensorBoard cannot be registered",
                        {{"port", key.first}, {"detail", refused.detail()}});
      }
      deps_.client->Release(found.claim_id);
      found.again = deps_.clock->Monotonic() + options_.refused_wait;
    }
    return;
  }
}

}  // namespace tributary::agent
