#include <cmath>
#include <limits>
#include <string>

#include "absl/status/status.h"
#include "collector/serve/json_value.h"
#include "collector/serve/json_writer.h"
#include "gtest/gtest.h"

namespace tributary::serve {
namespace {

std::string Written(void (*write)(JsonWriter*)) {
  JsonWriter writer;
  write(&writer);
  return writer.Take();
}

std::string Quoted(absl::string_view text) {
  JsonWriter writer;
  writer.String(text);
  return writer.Take();
}

std::string Number(double value) {
  JsonWriter writer;
  writer.Double(value);
  return writer.Take();
}

TEST(JsonWriterTest, Malicious_BytesThatAreNotUtf8BecomeReplacements) {
  const std::string replacement = "\xEF\xBF\xBD";
  EXPECT_EQ(Quoted("\x80"), "\"" + replacement + "\"");
  EXPECT_EQ(Quoted("a\xC3"), "\"a" + replacement + "\"");
  EXPECT_EQ(Quoted("\xC0\x80"), "\"" + replacement + replacement + "\"");  // overlong
  EXPECT_EQ(Quoted("\xED\xA0\x80"), "\"" + replacement + replacement + replacement + "\"");
  EXPECT_EQ(Quoted("\xF4\x90\x80\x80"),
            "\"" + replacement + replacement + replacement + replacement + "\"");
  EXPECT_EQ(Quoted("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80"),
            "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\"");
}

TEST(JsonWriterTest, ControlCharactersAndQuotesAreEscaped) {
  EXPECT_EQ(Quoted(absl::string_view("a\"\\\n\t\0\x7F", 7)),
            "\"a\\\"\\\\\\n\\u0009\\u0000\\u007f\"");
}

TEST(JsonWriterTest, NonFiniteNumbersAreStrings) {
  EXPECT_EQ(Number(std::nan("")), "\"NaN\"");
  EXPECT_EQ(Number(std::numeric_limits<double>::infinity()), "\"Infinity\"");
  EXPECT_EQ(Number(-std::numeric_limits<double>::infinity()), "\"-Infinity\"");
}

TEST(JsonWriterTest, NumbersAreTheShortestThatReadBack) {
  EXPECT_EQ(Number(0.1f), "0.10000000149011612");
  EXPECT_EQ(Number(-0.0), "-0");
  EXPECT_EQ(Number(5), "5");
  EXPECT_EQ(Number(std::numeric_limits<double>::denorm_min()), "5e-324");
  EXPECT_EQ(Number(std::numeric_limits<double>::max()), "1.7976931348623157e+308");
  JsonWriter writer;
  writer.BeginArray();
  writer.Int(std::numeric_limits<int64_t>::min());
  writer.Uint(std::numeric_limits<uint64_t>::max());
  writer.EndArray();
  EXPECT_EQ(writer.Take(), "[-9223372036854775808,18446744073709551615]");
}

TEST(JsonWriterTest, CommasComeByThemselves) {
  EXPECT_EQ(Written([](JsonWriter* w) {
              w->BeginObject();
              w->Key("a");
              w->BeginArray();
              w->BeginArray();
              w->EndArray();
              w->Bool(true);
              w->Null();
              w->EndArray();
              w->Key("b");
              w->BeginObject();
              w->EndObject();
              w->Key("c");
              w->Int(1);
              w->EndObject();
            }),
            R"({"a":[[],true,null],"b":{},"c":1})");
}

TEST(JsonValueTest, Malformed_TextIsRefusedAtEveryCut) {
  const std::string whole = R"({"a":[1,-2.5e3,"x\u00e4\n",true,null,{}]})";
  ASSERT_TRUE(ParseJson(whole).ok());
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseJson(whole.substr(0, length)).status())) << length;
  }
}

TEST(JsonValueTest, Malformed_WhatOnlyOthersTake) {
  for (const char* text :
       {"",    " ",       "no json",     "{'a':1}",  "[1,]",  "{\"a\":1,}", "[1 2]",
        "01",  "1.",      ".5",          "+1",       "1e",    "NaN",        "nul",
        "tru", "\"\\x\"", "\"\\u12g4\"", "\"a\nb\"", "[] []", "{\"a\" 1}",  "{1:2}"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseJson(text).status())) << text;
  }
}

TEST(JsonValueTest, Malicious_DepthIsLimited) {
  EXPECT_TRUE(ParseJson(std::string(64, '[') + std::string(64, ']')).ok());
  EXPECT_FALSE(ParseJson(std::string(65, '[') + std::string(65, ']')).ok());
  EXPECT_FALSE(ParseJson(std::string(1'000'000, '[')).ok());
}

TEST(JsonValueTest, ValuesComeBackAsTheyWere) {
  const std::string text = R"({"a":[1,-2.5e3,"\u00e4\ud83d\ude00\"",true,false,null,{}],"b":""})";
  const auto value = ParseJson(text);
  ASSERT_TRUE(value.ok()) << value.status();
  JsonWriter writer;
  value->Write(&writer);
  EXPECT_EQ(writer.Take(),
            "{\"a\":[1,-2.5e3,\"\xC3\xA4\xF0\x9F\x98\x80\\\"\",true,false,null,{}],\"b\":\"\"}");
}

TEST(JsonValueTest, HalfOfASurrogatePairIsReplaced) {
  for (const char* text : {R"("\ud800")", R"("\udc00")", R"("\ud800\u0041")"}) {
    const auto value = ParseJson(text);
    ASSERT_TRUE(value.ok()) << text;
    EXPECT_EQ(value->text.substr(0, 3), "\xEF\xBF\xBD") << text;
  }
}

TEST(JsonValueTest, LastOfEqualKeysCounts) {
  const auto value = ParseJson(R"({"a":1,"a":2})");
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(value->Find("a")->AsInteger(), 2);
  EXPECT_EQ(value->Find("b"), nullptr);
}

TEST(JsonValueTest, OnlyPlainIntegersAreIntegers) {
  for (const char* text : {"1.0", "1e3", "\"1\"", "true", "9223372036854775808"}) {
    EXPECT_EQ(ParseJson(text)->AsInteger(), std::nullopt) << text;
  }
  EXPECT_EQ(ParseJson("-9223372036854775808")->AsInteger(), std::numeric_limits<int64_t>::min());
}

}  // namespace
}  // namespace tributary::serve
