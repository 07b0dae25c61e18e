#include "common/http/response_head.h"

#include <string>

#include "common/http/gzip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tributary::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

EncodeOptions Options() {
  EncodeOptions options;
  options.now = absl::FromUnixSeconds(784111777);
  return options;
}

TEST(EncodeTest, Malicious_LineEndInAValueAddsNoHeader) {
  Response response;
  response.headers = {{"Location", "/a\r\nSet-Cookie: x=1"}};
  EXPECT_THAT(Encode(std::move(response), Options()).head,
              HasSubstr("Location: /aSet-Cookie: x=1\r\n"));
}

TEST(EncodeTest, DamagedStoredFileIsAnErrorForPlainClients) {
  Response response;
  response.body = "no gzip";
  response.body_is_gzip = true;
  EXPECT_THAT(Encode(std::move(response), Options()).head, HasSubstr("HTTP/1.1 500 "));
}

TEST(EncodeTest, PlainAnswerHasEveryHeader) {
  Response response;
  response.body = "hello";
  const EncodedResponse encoded = Encode(std::move(response), Options());
  EXPECT_EQ(encoded.head,
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n"
            "X-Content-Type-Options: nosniff\r\nVary: Accept-Encoding\r\n"
            "Connection: keep-alive\r\n\r\n");
  EXPECT_EQ(encoded.body, "hello");
}

TEST(EncodeTest, HeadHasTheLengthOfTheBodyThatIsNotSent) {
  Response response;
  response.body = "hello";
  EncodeOptions options = Options();
  options.head_only = true;
  const EncodedResponse encoded = Encode(std::move(response), options);
  EXPECT_THAT(encoded.head, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_EQ(encoded.body, "");
}

TEST(EncodeTest, NotModifiedHasNeitherBodyNorLength) {
  Response response;
  response.status = 304;
  response.body = "left over";
  const EncodedResponse encoded = Encode(std::move(response), Options());
  EXPECT_THAT(encoded.head, Not(HasSubstr("Content-Length")));
  EXPECT_EQ(encoded.body, "");
}

TEST(EncodeTest, LargeTextIsCompressedForThoseWhoTakeIt) {
  const std::string text(5000, 'x');
  for (const bool accepts : {false, true}) {
    Response response;
    response.content_type = "application/json";
    response.body = text;
    EncodeOptions options = Options();
    options.accepts_gzip = accepts;
    const EncodedResponse encoded = Encode(std::move(response), options);
    if (accepts) {
      EXPECT_THAT(encoded.head, HasSubstr("Content-Encoding: gzip\r\n"));
      EXPECT_EQ(*Gunzip(encoded.body, 10'000), text);
    } else {
      EXPECT_THAT(encoded.head, Not(HasSubstr("Content-Encoding")));
      EXPECT_EQ(encoded.body, text);
    }
    EXPECT_THAT(encoded.head, HasSubstr("Vary: Accept-Encoding\r\n"));
  }
}

TEST(EncodeTest, ImagesAndOptedOutTextStayAsTheyAre) {
  EncodeOptions options = Options();
  options.accepts_gzip = true;
  Response image;
  image.content_type = "image/png";
  image.body = std::string(5000, 'x');
  EXPECT_EQ(Encode(std::move(image), options).body.size(), 5000u);
  Response page;
  page.content_type = "text/html";
  page.body = std::string(5000, 'x');
  page.compress = false;
  EXPECT_EQ(Encode(std::move(page), options).body.size(), 5000u);
}

TEST(EncodeTest, StoredGzipIsInflatedForPlainClients) {
  for (const bool accepts : {false, true}) {
    Response response;
    response.content_type = "text/javascript";
    response.body = Gzip("script");
    response.body_is_gzip = true;
    EncodeOptions options = Options();
    options.accepts_gzip = accepts;
    const EncodedResponse encoded = Encode(std::move(response), options);
    EXPECT_EQ(accepts ? *Gunzip(encoded.body, 100) : encoded.body, "script");
  }
}

}  // namespace
}  // namespace tributary::http
