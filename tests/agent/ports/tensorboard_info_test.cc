// The info file of a TensorBoard, as its versions write it and as others might.
#include "agent/ports/tensorboard_info.h"

#include <gtest/gtest.h>

namespace tributary::agent {
namespace {

TEST(TensorboardInfoTest, AsVersion2WritesIt) {
  const auto info = ParseTensorboardInfo(R"({
    "cache_key": "eyJhcmd1bWVudHMiOltdfQ==",
    "db": "",
    "logdir": "/data/läufe",
    "path_prefix": "/tb/",
    "pid": 4711,
    "port": 6007,
    "start_time": 1700000000,
    "version": "2.20.0"
  })");
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->pid, 4711);
  EXPECT_EQ(info->port, 6007);
  EXPECT_EQ(info->path_prefix, "/tb");
  EXPECT_EQ(info->logdir, "/data/läufe");
}

TEST(TensorboardInfoTest, WhatOnlyPeopleReadMayBeAbsent) {
  const auto info = ParseTensorboardInfo(R"({"pid": 1, "port": 65535, "later": {"a": [null]}})");
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->path_prefix, "");
  EXPECT_EQ(info->logdir, "");
}

TEST(TensorboardInfoTest, Malformed_IsRefused) {
  for (const char* text :
       {"", "{", "[]", "7", "null", R"({"pid": 1})", R"({"port": 6006})",
        R"({"pid": "x", "port": 6006})", R"({"pid": -1, "port": 6006})",
        R"({"pid": 1, "port": 65536})", R"({"pid": 1, "port": 0})", R"({"pid": 1e300, "port": 1})",
        R"({"pid": 1, "port": [6006]})", "{\"pid\": 1, \"port\": 6006", "\xff\xfe{}"}) {
    EXPECT_FALSE(ParseTensorboardInfo(text).ok()) << text;
  }
  EXPECT_FALSE(ParseTensorboardInfo(std::string(60'000, '[')).ok());
}

TEST(TensorboardInfoTest, NamesOfFiles) {
  EXPECT_EQ(PidInInfoName("pid-4711.info"), 4711);
  for (const char* name : {"pid-.info", "pid-0.info", "pid--1.info", "pid-01.info", "pid-1.info~",
                           "pid-1", "1.info", "pid-99999999999999999999.info", ""}) {
    EXPECT_FALSE(PidInInfoName(name).has_value()) << name;
  }
}

}  // namespace
}  // namespace tributary::agent
