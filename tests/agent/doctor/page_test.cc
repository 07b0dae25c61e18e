#include "agent/doctor/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/agent/doctor/fakes.h"
#include "tests/support/fake_clock.h"

namespace tributary::agent {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PageTest : public ::testing::Test {
 protected:
  PageTest() {
    target_.host = "head.example";
    target_.port = 6006;
    target_.own_version = "1.2.3";
    senses_.network = &network_;
    senses_.machine = &machine_;
    senses_.clock = &clock_;
    senses_.environment = [this](const std::string& name) -> std::optional<std::string> {
      if (name == "http_proxy" && target_.use_proxy) return "proxy:3128";
      return std::nullopt;
    };
    for (const auto& [name, ip] : {std::pair("head.example", "10.0.0.5"), {"proxy", "10.0.0.9"}}) {
      network_.names.insert_or_assign(name, std::vector<std::string>{ip});
      network_.ends.insert_or_assign(ip, std::deque<std::string>());
    }
  }
  absl::StatusOr<Page> Fetch(size_t bytes_max = 1000) {
    return FetchPage(target_, senses_, "/a?b=c", bytes_max);
  }
  // As FetchPage, with an answer to all that is asked.
  absl::Status FetchOf(const std::string& answer) {
    network_.server = [answer](const std::string&) { return answer; };
    return Fetch().status();
  }
  static std::string Answer(int status, const std::string& body) {
    return absl::StrCat("HTTP/1.1 ", status, " X\r\nContent-Length: ", body.size(), "\r\n\r\n",
                        body);
  }

  Target target_;
  FakeNetwork network_;
  FakeMachine machine_;
  FakeClock clock_;
  Senses senses_;
};

TEST_F(PageTest, IsAskedForByTheNameThatWasGiven) {
  network_.server = [](const std::string& request) {
    EXPECT_EQ(request,
              "GET /a?b=c HTTP/1.1\r\nHost: head.example:6006\r\nUser-Agent: "
              "tributary-agent/1.2.3\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    return Answer(200, "page");
  };
  const absl::StatusOr<Page> page = Fetch();
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->body, "page");
  EXPECT_EQ(page->authority, "head.example:6006");
}

TEST_F(PageTest, IsAskedForByTheAddressWhereTheNameIsRefused) {
  network_.server = [](const std::string& request) {
    const bool by_address = absl::StrContains(request, "Host: 10.0.0.5:6006\r\n");
    return by_address ? Answer(200, "page") : Answer(421, "Not a name of this collector");
  };
  const absl::StatusOr<Page> page = Fetch();
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->body, "page");
  EXPECT_EQ(page->authority, "10.0.0.5:6006");
  EXPECT_THAT(network_.tried, ElementsAre("10.0.0.5:6006", "10.0.0.5:6006"));
}

TEST_F(PageTest, ComesThroughAProxyThatIsToBeObeyed) {
  target_.use_proxy = true;
  network_.server = [](const std::string& request) {
    return absl::StartsWith(request, "CONNECT head.example:6006 ")
               ? "HTTP/1.1 200 Connection established\r\n\r\n"
               : Answer(200, "page");
  };
  const absl::StatusOr<Page> page = Fetch();
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->authority, "head.example:6006");
  EXPECT_THAT(network_.tried, ElementsAre("10.0.0.9:3128"));
}

TEST_F(PageTest, Unreachable) {
  network_.names.clear();
  const absl::Status unknown = Fetch().status();
  EXPECT_TRUE(absl::IsUnavailable(unknown));
  EXPECT_THAT(unknown.message(), AllOf(HasSubstr("resolution: no name service knows head.example"),
                                       HasSubstr("check the spelling")));
}

TEST_F(PageTest, OtherAnswers) {
  EXPECT_TRUE(absl::IsNotFound(FetchOf(Answer(404, "Not found"))));
  const absl::Status broken = FetchOf(Answer(503, "down\x1b[2J" + std::string(500, 'x')));
  EXPECT_TRUE(absl::IsInternal(broken));
  EXPECT_THAT(broken.message(), HasSubstr("head.example:6006 answers 503 to /a?b=c: down?[2Jxx"));
  EXPECT_LT(broken.message().size(), 300);
  // Refused by its address, too.
  EXPECT_TRUE(absl::IsInternal(FetchOf(Answer(421, "no"))));
}

TEST_F(PageTest, Malformed_Answers) {
  for (const char* bytes : {"", "SSH-2.0", "HTTP/1.1 200 OK\r\n"}) {
    const absl::Status status = FetchOf(bytes);
    EXPECT_TRUE(absl::IsUnavailable(status)) << bytes;
    EXPECT_THAT(status.message(), HasSubstr("gives no answer of HTTP/1")) << bytes;
  }
  const absl::Status cut = FetchOf("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npage");
  EXPECT_TRUE(absl::IsUnavailable(cut));
  EXPECT_THAT(cut.message(), HasSubstr("breaks off"));
}

TEST_F(PageTest, Malicious_AnEndlessAnswer) {
  network_.ends.insert_or_assign("10.0.0.5",
                                 std::deque<std::string>(1000, "HTTP/1.1 200 OK\r\n\r\n"));
  const absl::Status status = Fetch().status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("more than 1000 B"));
}

}  // namespace
}  // namespace tributary::agent
