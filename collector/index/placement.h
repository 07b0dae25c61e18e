// Tells the files of writers that ran at once apart: which run each series of each file of one run
// name belongs to. A pure function of the files' bytes and names: no clock, no liveness, no order
// of arrival.
//
// A file starts at the ten-digit second in its name, else at its first finite wall time. Two files
// are concurrent if they are not of one process and, in a scalar series that both have, the one
// that started earlier has a point more than 5 s after the other's start (with equal starts: either
// of them). Files are placed in order. A series goes
//   - where its process already has a split run for it; else
//   - to the run, unless a file placed there with that series is concurrent; else
//   - to the split run "<run>@<host>.<pid>", or "<run>@<name after 'tfevents.'>" without a process.
#ifndef TRIBUTARY_COLLECTOR_INDEX_PLACEMENT_H_
#define TRIBUTARY_COLLECTOR_INDEX_PLACEMENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace tributary {

// The writer of a file, as its name tells.
struct WriterIdentity {
  // Seconds since the epoch; nullopt if the name has no ten-digit second after "tfevents.".
  std::optional<int64_t> start_second;
  // "<host>.<pid>" of "tfevents.<second>.<host>.<pid>.<n>[suffix]" with numeric pid and n; empty
  // otherwise: then the file is a process of its own.
  std::string process;
  // What follows "tfevents." in the name; the name if it has nothing there.
  std::string rest;
};
WriterIdentity ParseWriter(absl::string_view file_name);

struct PlacedSeries {
  // Equal numbers: equal tags, in all files of the run.
  uint32_t tag = 0;
  bool scalar = false;
  double max_wall_time = 0;  // of all its points; scalars only
};

// One file of the run.
struct PlacedFile {
  WriterIdentity writer;
  // The first finite wall time, used if the name has no second. nullopt: none
  // yet, and such a file is concurrent with none.
  std::optional<double> first_wall_time;
  std::vector<PlacedSeries> series;
};

struct Placement {
  // The split runs by their suffix ("@host.pid"), in the order of their first series.
  std::vector<std::string> splits;
  // For each file, for each of its series: 0 is the run itself, n is splits[n - 1].
  std::vector<std::vector<uint32_t>> run_of;
};

// `files` in the order of the run. `merge`: all writers are one.
Placement Place(const std::vector<PlacedFile>& files, bool merge);

}  // namespace tributary

#endif  // TRIBUTARY_COLLECTOR_INDEX_PLACEMENT_H_
