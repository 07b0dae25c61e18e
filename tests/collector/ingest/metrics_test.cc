// Names that Prometheus users expect, and counters that balance.
#include "collector/ingest/metrics.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "tests/collector/ingest/ingest_site.h"

namespace tributary {
namespace {

constexpr char kPath[] = "run/a.tfevents";

// The value of the line that begins with `name`, a space behind it; -1 if there is none.
double Value(const MetricsRegistry& registry, const std::string& name) {
  double value = -1;
  for (const absl::string_view line : absl::StrSplit(registry.Text(), '\n')) {
    if (!absl::StartsWith(line, name + " ")) continue;
    EXPECT_TRUE(absl::SimpleAtod(line.substr(name.size() + 1), &value)) << line;
  }
  return value;
}

TEST(IngestMetricsTest, NamesHaveThePrefixBaseUnitsAndTotals) {
  MetricsRegistry registry;
  IngestMetrics metrics(&registry);
  int kinds = 0;
  for (const absl::string_view line : absl::StrSplit(registry.Text(), '\n')) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words.size() != 4 || words[1] != "TYPE") continue;
    ++kinds;
    const std::string& name = words[2];
    EXPECT_TRUE(absl::StartsWith(name, "tributary_collector_")) << name;
    EXPECT_EQ(absl::EndsWith(name, "_total"), words[3] == "counter") << name;
    EXPECT_FALSE(absl::StrContains(name, "milli")) << name;
    EXPECT_EQ(absl::EndsWith(name, "_seconds"), words[3] == "histogram") << name;
  }
  EXPECT_GE(kinds, 15);
}

TEST(IngestMetricsTest, ACommitIsCountedInSeconds) {
  MetricsRegistry registry;
  IngestMetrics metrics(&registry);
  metrics.Committed(absl::Milliseconds(30), 2);
  EXPECT_DOUBLE_EQ(Value(registry, "tributary_collector_commit_seconds_sum"), 0.03);
  EXPECT_EQ(Value(registry, "tributary_collector_committed_streams_total"), 2);
}

TEST(IngestMetricsTest, AcceptedBytesAreStoredRepeatedFilledOrRefused) {
  IngestSite site;
  site.Start();
  const auto total = [&site](const std::string& what) {
    return Value(site.registry, "tributary_collector_" + what + "_bytes_total");
  };
  ScriptedAgent agent(&site);
  agent.Welcomed()->Open(1, kPath);
  agent.Send(1, 0, std::string("01\0\0", 4));
  agent.Send(1, 2, std::string("\0\0ab", 4));  // two again
  ScriptedAgent::Message fill;
  fill.mutable_fill()->set_stream(1);
  fill.mutable_fill()->set_offset(2);
  fill.mutable_fill()->set_data("23");
  agent.Say(fill);
  fill.mutable_fill()->set_data("XX");  // over other bytes
  agent.Say(fill);
  agent.Send(1, 100, "a gap");
  agent.Send(1, 6, "dropped behind it");
  agent.Send(7, 0, "not open");
  ScriptedAgent::Message part;
  part.mutable_asset_part()->set_data("asset");
  agent.Say(part);
  EXPECT_EQ(total("stored"), 6);
  EXPECT_EQ(total("repeated"), 2);
  EXPECT_EQ(total("filled"), 2);
  EXPECT_EQ(total("refused"), 2 + 5 + 17 + 8 + 5);
  EXPECT_EQ(total("accepted"),
            total("stored") + total("repeated") + total("filled") + total("refused"));
  // All credit is back with the agent.
  EXPECT_EQ(Value(site.registry, "tributary_collector_credit_reserved_bytes"), 8 << 10);
}

TEST(IngestMetricsTest, Fault10_AFullStoreIsToldWhileItIsSo) {
  IngestSite site;
  site.Start();
  ScriptedAgent agent(&site);
  agent.Welcomed()->Open(1, kPath);
  EXPECT_EQ(Value(site.registry, "tributary_collector_store_full"), 0);
  FakeStream* const stream = site.store.Find("node07", kPath);
  stream->append_error_ = absl::ResourceExhaustedError("no space");
  site.store.is_full = true;
  agent.Send(1, 0, "0123");
  EXPECT_EQ(Value(site.registry, "tributary_collector_store_full"), 1);
  EXPECT_EQ(Value(site.registry, "tributary_collector_refusals_total{reason=\"store_full\"}"), 1);
  site.store.is_full = false;
  site.Pass(absl::Seconds(2));
  EXPECT_EQ(Value(site.registry, "tributary_collector_store_full"), 0);
}

}  // namespace
}  // namespace tributary
