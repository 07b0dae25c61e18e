// What one layer of the way from a writer to a viewer was found to be.
#ifndef TRIBUTARY_AGENT_DOCTOR_FINDING_H_
#define TRIBUTARY_AGENT_DOCTOR_FINDING_H_

#include <string>
#include <utility>

namespace tributary::agent {

enum class LayerState {
  kOk,
  kWarns,          // works, and not as one may expect
  kFails,          // what builds on it cannot work
  kNotTried,       // `found` says why
  kNotConfigured,  // this version has no such layer, or it is not used here
};

// Texts are one line for people.
struct Finding {
  std::string layer;
  LayerState state = LayerState::kOk;
  // What is there; of one that warns or fails, the cause.
  std::string found;
  // What to do about it; only of one that warns or fails.
  std::string fix;
};

inline Finding Ok(std::string layer, std::string found) {
  return {std::move(layer), LayerState::kOk, std::move(found), ""};
}
inline Finding Warns(std::string layer, std::string cause, std::string fix) {
  return {std::move(layer), LayerState::kWarns, std::move(cause), std::move(fix)};
}
inline Finding Fails(std::string layer, std::string cause, std::string fix) {
  return {std::move(layer), LayerState::kFails, std::move(cause), std::move(fix)};
}
inline Finding NotTried(std::string layer, std::string why) {
  return {std::move(layer), LayerState::kNotTried, std::move(why), ""};
}
inline Finding NotConfigured(std::string layer, std::string why) {
  return {std::move(layer), LayerState::kNotConfigured, std::move(why), ""};
}

}  // namespace tributary::agent

#endif  // TRIBUTARY_AGENT_DOCTOR_FINDING_H_
