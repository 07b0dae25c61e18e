#include "common/look_alike.h"

#include <gtest/gtest.h>

namespace tributary {
namespace {

TEST(LookAlikeTest, Malformed_TextThatIsNoUtf8LooksLikeItself) {
  EXPECT_EQ(LookOf("a\xff"), "a\xff");
  EXPECT_NE(LookOf("a\xff"), LookOf("a\xfe"));
  EXPECT_EQ(LookOf(""), "");
  EXPECT_EQ(Spelled("a\xff"), "\"a\\u{ff}\"");
}

TEST(LookAlikeTest, LetterCase) {
  EXPECT_EQ(LookOf("node/Exp1"), LookOf("node/exp1"));
  EXPECT_EQ(LookOf("\u00c4rger"), LookOf("\u00e4rger"));
  EXPECT_EQ(LookOf("\u0412\u0435\u0440\u0430"), LookOf("\u0432\u0435\u0440\u0430"));
}

TEST(LookAlikeTest, AccentsAsOneCharacterOrTwo) {
  EXPECT_EQ(LookOf("caf\u00e9"), LookOf("cafe\u0301"));
  EXPECT_EQ(LookOf("\uac00"), LookOf("\u1100\u1161"));
  EXPECT_NE(LookOf("caf\u00e9"), LookOf("cafe"));
}

TEST(LookAlikeTest, SpacesAndDashes) {
  EXPECT_EQ(LookOf("exp"), LookOf("exp "));
  EXPECT_EQ(LookOf("exp/train"), LookOf("exp / train"));
  EXPECT_EQ(LookOf("my exp"), LookOf("my  exp"));
  EXPECT_EQ(LookOf("my exp"), LookOf("my\u00a0exp"));
  EXPECT_EQ(LookOf("a-b"), LookOf("a\u2013b"));
  EXPECT_NE(LookOf("my exp"), LookOf("myexp"));
}

TEST(LookAlikeTest, WhatIsNotSeen) {
  EXPECT_EQ(LookOf("exp"), LookOf("e\u200bxp\ufeff"));
  EXPECT_EQ(LookOf("exp"), LookOf("ex\u00adp"));
  EXPECT_EQ(LookOf("exp"), LookOf("exp\x01"));
}

TEST(LookAlikeTest, LettersDrawnAsOthers) {
  EXPECT_EQ(LookOf("p\u0430\u0441e"), LookOf("pace"));
  EXPECT_EQ(LookOf("\u0410"), LookOf("A"));
}

TEST(LookAlikeTest, NamesThatDifferDoNot) {
  EXPECT_NE(LookOf("exp1"), LookOf("exp2"));
  EXPECT_NE(LookOf("exp/1"), LookOf("exp1"));
  EXPECT_NE(LookOf("exp_1"), LookOf("exp-1"));
}

TEST(LookAlikeTest, SpelledTellsThemApart) {
  EXPECT_EQ(Spelled("exp "), "\"exp \"");
  EXPECT_EQ(Spelled("cafe\u0301"), "\"cafe\\u{301}\"");
  EXPECT_EQ(Spelled("\t\U0001f600"), "\"\\u{9}\\u{1f600}\"");
}

}  // namespace
}  // namespace tributary
