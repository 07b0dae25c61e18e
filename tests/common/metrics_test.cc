#include "common/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tributary {
namespace {

using ::testing::HasSubstr;

TEST(MetricsDeathTest, BadNamesAreBugs) {
  MetricsRegistry registry;
  EXPECT_DEATH(registry.AddCounter("reads", "help"), "BUG");
  EXPECT_DEATH(registry.AddGauge("Reads", "help"), "BUG");
  EXPECT_DEATH(registry.AddGauge("", "help"), "BUG");
  EXPECT_DEATH(registry.AddGauge("1st", "help"), "BUG");
}

TEST(MetricsTest, DefaultHandlesCountNothing) {
  Counter counter;
  counter.Increment();
  EXPECT_EQ(counter.value(), 0u);
  Gauge gauge;
  gauge.Set(5);
  EXPECT_EQ(gauge.value(), 0);
  Histogram().Observe(1);
}

TEST(MetricsTest, TextHoldsHelpTypeLabelsAndValues) {
  MetricsRegistry registry;
  Counter dropped =
      registry.AddCounter("agent_records_dropped_total", "Records.", {{"cause", "data_crc"}});
  dropped.Increment(3);
  registry.AddGauge("agent_streams", "Streams.").Set(2);
  Histogram latency = registry.AddHistogram("agent_ack_latency_ms", "Latency.", {1, 10});
  latency.ObserveMillis(absl::Milliseconds(5));
  const std::string text = registry.Text();
  EXPECT_THAT(text, HasSubstr("# HELP agent_records_dropped_total Records.\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE agent_records_dropped_total counter\n"));
  EXPECT_THAT(text, HasSubstr("agent_records_dropped_total{cause=\"data_crc\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("agent_streams 2\n"));
  EXPECT_THAT(text, HasSubstr("agent_ack_latency_ms_bucket{le=\"1\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("agent_ack_latency_ms_bucket{le=\"10\"} 1\n"));
}

TEST(MetricsTest, SameNameAndLabelsAreOneMetric) {
  MetricsRegistry registry;
  registry.AddCounter("a_total", "Help.").Increment();
  Counter again = registry.AddCounter("a_total", "Help.");
  again.Increment();
  EXPECT_EQ(again.value(), 2u);
}

TEST(MetricsTest, LargeCountsAreExact) {
  MetricsRegistry registry;
  Counter counter = registry.AddCounter("bytes_total", "Bytes.");
  counter.Increment((1ull << 53) - 1);
  counter.Increment(1);
  EXPECT_EQ(counter.value(), 1ull << 53);
}

TEST(MetricsTest, RefreshRunsBeforeEachText) {
  MetricsRegistry registry;
  Gauge gauge = registry.AddGauge("calls", "Help.");
  registry.AddRefresh([gauge]() mutable { gauge.Add(1); });
  EXPECT_THAT(registry.Text(), HasSubstr("calls 1\n"));
  EXPECT_THAT(registry.Text(), HasSubstr("calls 2\n"));
}

TEST(MetricsTest, ProcessMetricsAreThere) {
  MetricsRegistry registry;
  registry.AddProcessMetrics("1.2.3", absl::FromUnixSeconds(1000));
  const std::string text = registry.Text();
  EXPECT_THAT(text, HasSubstr("process_start_time_seconds 1000\n"));
  EXPECT_THAT(text, HasSubstr("tributary_build_info{version=\"1.2.3\"} 1\n"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("process_resident_memory_bytes 0\n")));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("process_open_fds 0\n")));
}

}  // namespace
}  // namespace tributary
