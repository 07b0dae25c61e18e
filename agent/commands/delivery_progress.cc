#include "agent/commands/delivery_progress.h"

#include "absl/strings/str_cat.h"
#include "common/text.h"

namespace tributary::agent {
namespace {

bool IsConnected(const Progress& progress) {
  return progress.state == SessionState::kStreaming || progress.state == SessionState::kFinished;
}

}  // namespace

std::string ProgressText(const Progress& progress) {
  if (!IsConnected(progress)) {
    return absl::StrCat("no connection to the collector yet",
                        progress.last_error.empty() ? "" : absl::StrCat(": ", progress.last_error));
  }
  std::string text = absl::StrCat(
      HumanBytes(progress.bytes_durable), " of ", HumanBytes(progress.bytes_on_disk), " durable, ",
      progress.files - progress.files_behind, " of ", Counted(progress.files, "file"));
  if (progress.records_read_total > 0) {
    absl::StrAppend(&text, ", ", Counted(progress.records_read_total, "record"));
  }
  return text;
}

void ShowProgress(const Progress& progress, ProgressLine* line) {
  if (IsConnected(progress)) {
    line->Show(ProgressText(progress), progress.bytes_durable, progress.bytes_on_disk);
  } else {
    line->Show(ProgressText(progress));
  }
}

}  // namespace tributary::agent
