#include "collector/registry/cluster_board.h"

namespace tributary {

bool NeedsAttention(const StreamStatus& stream) {
  if (!stream.holes.empty()) return true;
  if (stream.state == "source_gone") return stream.durable_bytes < stream.size_bytes;
  return stream.state != "live";
}

StreamTotals TotalsOf(const std::vector<StreamStatus>& streams) {
  StreamTotals totals;
  totals.streams = streams.size();
  for (const StreamStatus& stream : streams) {
    totals.size_bytes += stream.size_bytes;
    totals.records += stream.records;
    totals.received_bytes += stream.received_bytes;
    totals.durable_bytes += stream.durable_bytes;
    totals.holes += stream.holes.size();
    for (const StreamStatus::Hole& hole : stream.holes) totals.hole_bytes += hole.length_bytes;
    if (stream.state == "live" && stream.durable_bytes < stream.size_bytes) ++totals.behind;
    if (NeedsAttention(stream)) ++totals.attention;
  }
  return totals;
}

}  // namespace tributary
