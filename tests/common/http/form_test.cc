#include <string>

#include "absl/status/status.h"
#include "common/http/message.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tributary::http {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

Request FormRequest(std::string type, std::string body) {
  Request request;
  request.method = "POST";
  request.headers = {{"content-type", std::move(type)}};
  request.body = std::move(body);
  return request;
}

std::string Part(const std::string& disposition, const std::string& value) {
  return "--b\r\nContent-Disposition: " + disposition + "\r\n\r\n" + value + "\r\n";
}

Request Multipart(std::string body) {
  return FormRequest("multipart/form-data; boundary=b", std::move(body));
}

TEST(FormTest, Malformed_BodyThatIsNoFormIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(ParseForm(FormRequest("text/plain", "a=1")).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ParseForm(FormRequest("", "a=1")).status()));
}

TEST(FormTest, Malformed_MultipartWithoutBoundary) {
  for (const char* type : {"multipart/form-data", "multipart/form-data; boundary=",
                           "multipart/form-data; boundary=\"b", "multipart/form-data; x=b"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(
        ParseForm(FormRequest(type, Part("form-data; name=a", "1") + "--b--\r\n")).status()))
        << type;
  }
}

TEST(FormTest, Malformed_BodyCutAtEveryByteIsRefused) {
  const std::string whole = Part("form-data; name=\"tag\"", "loss") + "--b--";
  ASSERT_TRUE(ParseForm(Multipart(whole)).ok());
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseForm(Multipart(whole.substr(0, length))).status()))
        << length;
  }
}

TEST(FormTest, Malformed_PartWithoutNameOrHeaders) {
  EXPECT_FALSE(ParseForm(Multipart(Part("form-data", "1") + "--b--")).ok());
  EXPECT_FALSE(ParseForm(Multipart(Part("attachment; name=a", "1") + "--b--")).ok());
  EXPECT_FALSE(ParseForm(Multipart("--b\r\n\r\n1\r\n--b--")).ok());
  EXPECT_FALSE(ParseForm(Multipart("--bx\r\n\r\n1\r\n--b--")).ok());
}

TEST(FormTest, Malformed_TooManyFields) {
  std::string body(kFormFieldsMax, '&');
  EXPECT_TRUE(absl::IsInvalidArgument(
      ParseForm(FormRequest("application/x-www-form-urlencoded", body)).status()));
}

TEST(FormTest, MultipartKeepsOrderRepeatsAndBytes) {
  const auto form = ParseForm(Multipart(
      "preamble\r\n" + Part("form-data; name=\"runs\"", "a\r\nb--b") +
      "--b  \r\ncontent-type: text/plain\r\ncontent-disposition: form-data; name=\"runs\"\r\n\r\n" +
      std::string("\0&%41", 5) + "\r\n" + Part("form-data; name=empty", "") + "--b--\r\nepilogue"));
  ASSERT_TRUE(form.ok()) << form.status();
  EXPECT_THAT(*form, ElementsAre(Pair("runs", "a\r\nb--b"), Pair("runs", std::string("\0&%41", 5)),
                                 Pair("empty", "")));
}

TEST(FormTest, MultipartNamesAreUnescaped) {
  const auto form = ParseForm(Multipart(Part("form-data; name=\"a%22b\"", "1") +
                                        Part("form-data; name=\"c\\\"d\"; x=y", "2") + "--b--"));
  ASSERT_TRUE(form.ok()) << form.status();
  EXPECT_THAT(*form, ElementsAre(Pair("a\"b", "1"), Pair("c\"d", "2")));
}

TEST(FormTest, MultipartLeavesFilesOut) {
  const auto form = ParseForm(Multipart(Part("form-data; name=f; filename=\"x.txt\"", "text") +
                                        Part("form-data; name=a", "1") + "--b--"));
  ASSERT_TRUE(form.ok()) << form.status();
  EXPECT_THAT(*form, ElementsAre(Pair("a", "1")));
}

TEST(FormTest, MultipartWithoutPartsIsEmpty) {
  const auto form = ParseForm(Multipart("--b--\r\n"));
  ASSERT_TRUE(form.ok()) << form.status();
  EXPECT_THAT(*form, IsEmpty());
}

TEST(FormTest, UrlencodedIsDecoded) {
  const auto form = ParseForm(FormRequest("Application/X-WWW-Form-Urlencoded; charset=utf-8",
                                          "tag=a+b%2Fc&runs=&runs&&=x&%zz=%4"));
  ASSERT_TRUE(form.ok()) << form.status();
  EXPECT_THAT(*form, ElementsAre(Pair("tag", "a b/c"), Pair("runs", ""), Pair("runs", ""),
                                 Pair("", "x"), Pair("%zz", "%4")));
}

TEST(QueryTest, PercentCodingIsTurnedBack) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
  EXPECT_EQ(PercentDecode(PercentEncode(all)), all);
  EXPECT_EQ(PercentDecode("a+b%2"), "a+b%2");
  EXPECT_EQ(PercentEncode("a b/~"), "a%20b%2F~");
}

TEST(QueryTest, FirstValueOfARepeatedKeyCounts) {
  Request request;
  request.query = ParseQuery("run=a&run=b&empty=");
  EXPECT_EQ(request.QueryValue("run"), "a");
  EXPECT_EQ(request.QueryValue("empty"), "");
  EXPECT_EQ(request.QueryValue("tag"), std::nullopt);
}

}  // namespace
}  // namespace tributary::http
