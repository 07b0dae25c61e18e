// `tributary-collector inspect`: reads directories once and says what is in them.
#ifndef TRIBUTARY_COLLECTOR_INSPECT_H_
#define TRIBUTARY_COLLECTOR_INSPECT_H_

#include <ostream>
#include <string>
#include <vector>

#include "collector/ingest/local_source.h"
#include "common/clock.h"
#include "common/file.h"

namespace tributary {

struct InspectOptions {
  std::vector<LocalSource::Logdir> logdirs;
  // One JSON object for machines instead of the tables.
  bool json = false;
  int threads = 2;
};

struct InspectDependencies {
  FileSystem* files;
  Clock* clock;
  bool err_is_terminal = false;  // then one line of `err` tells how far it is, else several
};

// Writes the answer to `out` and what went wrong to `err`. Zeros are damage at once; a torn tail is
// none. Returns the exit code: 0; 1 if something could not be read; 2 if a logdir is missing; 3 if
// anything was damaged.
int RunInspect(const InspectOptions& options, const InspectDependencies& dependencies,
               std::ostream& out, std::ostream& err);

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INSPECT_H_
