#include "collector/index/placement.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tributary {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kStart = 1'700'000'000;

enum Tags : uint32_t { kLoss, kAccuracy, kRate };

PlacedFile File(absl::string_view name, std::vector<PlacedSeries> series) {
  PlacedFile file;
  file.writer = ParseWriter(name);
  file.series = std::move(series);
  return file;
}

// A file of process `host.pid` that started `seconds` after kStart.
PlacedFile Process(int64_t seconds, absl::string_view process, std::vector<PlacedSeries> series) {
  return File(absl::StrCat("events.out.tfevents.", kStart + seconds, ".", process, ".0"),
              std::move(series));
}

PlacedSeries Until(uint32_t tag, double seconds) {
  return {tag, true, static_cast<double>(kStart) + seconds};
}

TEST(ParseWriterTest, NamesThatTellNothing) {
  for (absl::string_view name : {"", "tfevents", "events.out.tfevents", "events.out.tfevents."}) {
    const WriterIdentity writer = ParseWriter(name);
    EXPECT_FALSE(writer.start_second.has_value()) << name;
    EXPECT_EQ(writer.process, "") << name;
    EXPECT_EQ(writer.rest, name) << name;
  }
}

TEST(ParseWriterTest, SecondsThatAreNotTenDigits) {
  EXPECT_FALSE(ParseWriter("tfevents.170000000.host.1.0").start_second.has_value());
  EXPECT_FALSE(ParseWriter("tfevents.17000000000.host.1.0").start_second.has_value());
  EXPECT_FALSE(ParseWriter("tfevents.170000000x.host.1.0").start_second.has_value());
  EXPECT_EQ(ParseWriter("tfevents.170000000.host.1.0").process, "");
}

TEST(ParseWriterTest, Processes) {
  const std::pair<absl::string_view, absl::string_view> cases[] = {
      {"events.out.tfevents.1700000000.host.4711.0", "host.4711"},
      {"events.out.tfevents.1700000000.host.4711.0.v2", "host.4711"},
      {"events.out.tfevents.1700000000.host.4711.12exp", "host.4711"},
      {"events.out.tfevents.1700000000.gpu3.lab.org.4711.0.v2", "gpu3.lab.org.4711"},
      {"events.out.tfevents.1700000000.10.0.0.1.4711.0.v2", "10.0.0.1.4711"},
      {"x.tfevents.1700000000.h.1.2", "h.1"},
      // No pid, or no number after it.
      {"events.out.tfevents.1700000000.host", ""},
      {"events.out.tfevents.1700000000.host.4711", ""},
      {"events.out.tfevents.1700000000.host.4711.v2", ""},
      {"events.out.tfevents.1700000000.4711.0", ""},
      {"events.out.tfevents.1700000000..4711.0", ""},
  };
  for (const auto& [name, process] : cases) {
    const WriterIdentity writer = ParseWriter(name);
    EXPECT_EQ(writer.process, process) << name;
    EXPECT_EQ(writer.start_second, 1'700'000'000) << name;
  }
  EXPECT_EQ(ParseWriter("events.out.tfevents.1700000000.host").rest, "1700000000.host");
}

TEST(PlaceTest, NoFiles) {
  const Placement placement = Place({}, false);
  EXPECT_THAT(placement.splits, IsEmpty());
  EXPECT_THAT(placement.run_of, IsEmpty());
}

TEST(PlaceTest, WritersOneAfterAnotherShareTheRun) {
  const Placement placement = Place(
      {Process(0, "a.1", {Until(kLoss, 100)}), Process(200, "a.2", {Until(kLoss, 300)})}, false);
  EXPECT_THAT(placement.splits, IsEmpty());
}

TEST(PlaceTest, FiveSecondsOfOverlapAreARestartAndMoreIsNot) {
  const auto splits_with = [](double last_point) {
    return Place({Process(0, "a.1", {Until(kLoss, last_point)}),
                  Process(200, "a.2", {Until(kLoss, 300)})},
                 false)
        .splits;
  };
  EXPECT_THAT(splits_with(205), IsEmpty());
  EXPECT_THAT(splits_with(205.001), ElementsAre("@a.2"));
}

TEST(PlaceTest, SeriesOfOneWriterStayInTheRun) {
  const Placement placement = Place({Process(0, "a.1", {Until(kLoss, 100), Until(kRate, 100)}),
                                     Process(1, "b.1", {Until(kAccuracy, 100), Until(kLoss, 100)})},
                                    false);
  EXPECT_THAT(placement.splits, ElementsAre("@b.1"));
  EXPECT_THAT(placement.run_of, ElementsAre(ElementsAre(0, 0), ElementsAre(0, 1)));
}

TEST(PlaceTest, WritersWithoutACommonSeriesShareTheRun) {
  const Placement placement = Place(
      {Process(0, "a.1", {Until(kLoss, 100)}), Process(1, "b.1", {Until(kAccuracy, 100)})}, false);
  EXPECT_THAT(placement.splits, IsEmpty());
}

TEST(PlaceTest, OneCommonScalarSeriesMakesTheOtherSeriesApartToo) {
  // An image series, say: no wall times are looked at.
  const PlacedSeries images{kRate, false, 0};
  const Placement placement = Place({Process(0, "a.1", {Until(kLoss, 100), images}),
                                     Process(1, "b.1", {images, Until(kLoss, 100)})},
                                    false);
  EXPECT_THAT(placement.run_of, ElementsAre(ElementsAre(0, 0), ElementsAre(1, 1)));
}

TEST(PlaceTest, ImagesAloneNeverMakeWritersConcurrent) {
  const PlacedSeries images{kRate, false, 0};
  const Placement placement =
      Place({Process(0, "a.1", {images}), Process(1, "b.1", {images})}, false);
  EXPECT_THAT(placement.splits, IsEmpty());
}

TEST(PlaceTest, TwoFilesOfOneProcessAreNeverConcurrent) {
  const Placement placement = Place(
      {Process(0, "a.1", {Until(kLoss, 100)}), Process(1, "a.1", {Until(kLoss, 100)})}, false);
  EXPECT_THAT(placement.splits, IsEmpty());
}

TEST(PlaceTest, ASplitProcessStaysSplit) {
  // b's second file starts when a is long over, but goes on where its first one went.
  const Placement placement =
      Place({Process(0, "a.1", {Until(kLoss, 100)}), Process(1, "b.1", {Until(kLoss, 150)}),
             Process(1000, "b.1", {Until(kLoss, 1100), Until(kRate, 1100)})},
            false);
  EXPECT_THAT(placement.splits, ElementsAre("@b.1"));
  EXPECT_THAT(placement.run_of, ElementsAre(ElementsAre(0), ElementsAre(1), ElementsAre(1, 0)));
}

TEST(PlaceTest, ARequeuedWriterGoesOnInTheRun) {
  const Placement placement =
      Place({Process(0, "a.1", {Until(kLoss, 100)}), Process(1, "b.1", {Until(kLoss, 100)}),
             Process(500, "c.9", {Until(kLoss, 600)})},
            false);
  EXPECT_THAT(placement.run_of, ElementsAre(ElementsAre(0), ElementsAre(1), ElementsAre(0)));
}

TEST(PlaceTest, FilesWithoutAProcessAreProcessesOfTheirOwn) {
  const Placement placement =
      Place({File("events.out.tfevents.1700000000.host", {Until(kLoss, 100)}),
             File("events.out.tfevents.1700000001.host", {Until(kLoss, 100)})},
            false);
  EXPECT_THAT(placement.splits, ElementsAre("@1700000001.host"));
}

TEST(PlaceTest, AFileWithoutASecondStartsAtItsFirstWallTime) {
  PlacedFile early = File("a.tfevents", {Until(kLoss, 100)});
  early.first_wall_time = kStart;
  PlacedFile late = File("b.tfevents", {Until(kLoss, 100)});
  late.first_wall_time = kStart + 10;
  EXPECT_THAT(Place({early, late}, false).splits, ElementsAre("@b.tfevents"));
  late.first_wall_time = kStart + 99;
  EXPECT_THAT(Place({early, late}, false).splits, IsEmpty());
  late.first_wall_time.reset();
  EXPECT_THAT(Place({early, late}, false).splits, IsEmpty());
}

TEST(PlaceTest, EqualStartsCountBothWays) {
  EXPECT_THAT(
      Place({Process(0, "a.1", {Until(kLoss, 1)}), Process(0, "b.1", {Until(kLoss, 100)})}, false)
          .splits,
      ElementsAre("@b.1"));
}

TEST(PlaceTest, NameOrderNeedNotBeStartOrder) {
  PlacedFile late = File("a.tfevents", {Until(kLoss, 300)});
  late.first_wall_time = kStart + 200;
  PlacedFile early = File("b.tfevents", {Until(kLoss, 300)});
  early.first_wall_time = kStart;
  EXPECT_THAT(Place({late, early}, false).splits, ElementsAre("@b.tfevents"));
}

TEST(PlaceTest, MergeTakesAllWritersAsOne) {
  EXPECT_THAT(
      Place({Process(0, "a.1", {Until(kLoss, 100)}), Process(1, "b.1", {Until(kLoss, 100)})}, true)
          .splits,
      IsEmpty());
}

// The rules, written down once more without any shortcut.
std::vector<std::vector<std::string>> PlaceSlowly(const std::vector<PlacedFile>& files) {
  const auto start = [&](size_t i) {
    return files[i].writer.start_second.has_value()
               ? std::optional<double>(static_cast<double>(*files[i].writer.start_second))
               : files[i].first_wall_time;
  };
  const auto process = [&](size_t i) {
    return files[i].writer.process.empty() ? absl::StrCat("file ", i) : files[i].writer.process;
  };
  const auto concurrent = [&](size_t a, size_t b) {
    if (process(a) == process(b) || !start(a) || !start(b)) return false;
    for (const PlacedSeries& x : files[a].series) {
      for (const PlacedSeries& y : files[b].series) {
        if (x.tag != y.tag || !x.scalar || !y.scalar) continue;
        if (*start(a) <= *start(b) && x.max_wall_time > *start(b) + 5) return true;
        if (*start(b) <= *start(a) && y.max_wall_time > *start(a) + 5) return true;
      }
    }
    return false;
  };
  std::vector<std::vector<std::string>> result(files.size());
  std::set<std::pair<std::string, uint32_t>> split;  // (process, tag)
  std::map<uint32_t, std::vector<size_t>> placed;
  for (size_t i = 0; i < files.size(); ++i) {
    const std::string suffix =
        "@" + (files[i].writer.process.empty() ? files[i].writer.rest : files[i].writer.process);
    for (const PlacedSeries& series : files[i].series) {
      bool apart = split.contains({process(i), series.tag});
      for (size_t other : placed[series.tag]) apart = apart || concurrent(other, i);
      if (apart) split.insert({process(i), series.tag});
      if (!apart) placed[series.tag].push_back(i);
      result[i].push_back(apart ? suffix : "");
    }
  }
  return result;
}

// Every way three files of up to three processes can lie in time, with every choice of series.
TEST(PlaceTest, AgreesWithTheRulesOnEverySmallCase) {
  const std::vector<std::vector<uint32_t>> tag_sets = {{kLoss}, {kRate}, {kLoss, kRate}};
  const std::vector<double> ends = {0, 10, 16};
  int cases = 0;
  for (int code = 0; code < 3 * 3 * 3 * 27 * 27; ++code) {
    int rest = code;
    const auto next = [&rest](int base) {
      const int digit = rest % base;
      rest /= base;
      return digit;
    };
    std::vector<PlacedFile> files;
    for (int i = 0; i < 3; ++i) {
      const int process = next(3);
      const auto& tags = tag_sets[static_cast<size_t>(next(3))];
      const int start = next(3) * 5;
      std::vector<PlacedSeries> series;
      for (uint32_t tag : tags) {
        series.push_back(Until(tag, ends[static_cast<size_t>((process + i + start) % 3)]));
      }
      files.push_back(process == 2
                          ? File(absl::StrCat("tfevents.", kStart + start, ".lone", i), series)
                          : Process(start, absl::StrCat("h.", process), series));
    }
    const Placement placement = Place(files, false);
    const auto expected = PlaceSlowly(files);
    for (size_t i = 0; i < files.size(); ++i) {
      for (size_t j = 0; j < files[i].series.size(); ++j) {
        const uint32_t number = placement.run_of[i][j];
        ASSERT_EQ(number == 0 ? "" : placement.splits[number - 1], expected[i][j])
            << "case " << code << ", file " << i << ", series " << j;
      }
    }
    ++cases;
  }
  EXPECT_EQ(cases, 19683);
}

TEST(PlaceTest, AgreesWithTheRulesOnRandomCases) {
  std::mt19937 random(7);
  const auto below = [&random](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  for (int round = 0; round < 3000; ++round) {
    std::vector<PlacedFile> files;
    for (uint32_t i = 0; i < 2 + below(5); ++i) {
      std::vector<PlacedSeries> series;
      for (uint32_t tag = 0; tag < 3; ++tag) {
        if (below(3) != 0) series.push_back(Until(tag, below(60)));
        if (!series.empty() && below(8) == 0) series.back().scalar = false;
      }
      files.push_back(Process(below(40), absl::StrCat("h.", below(4)), series));
    }
    const Placement placement = Place(files, false);
    const auto expected = PlaceSlowly(files);
    for (size_t i = 0; i < files.size(); ++i) {
      for (size_t j = 0; j < files[i].series.size(); ++j) {
        const uint32_t number = placement.run_of[i][j];
        ASSERT_EQ(number == 0 ? "" : placement.splits[number - 1], expected[i][j])
            << "round " << round;
      }
    }
  }
}

}  // namespace
}  // namespace tributary
