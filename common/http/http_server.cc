#include "common/http/http_server.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <list>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/clock.h"
#include "common/http/gzip.h"
#include "common/http/response_head.h"
#include "common/mutex.h"

namespace tributary::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace beast_http = boost::beast::http;
using boost::system::error_code;
using Parser = beast_http::request_parser<beast_http::string_body>;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr size_t kReadBytes = 4096;
constexpr size_t kWriteBytes = 256u << 10;
// After a refusal: what the peer was still sending is read for so long, so that a reset does not
// overtake the answer.
constexpr absl::Duration kLinger = absl::Seconds(2);
constexpr size_t kLingerBytes = 4u << 20;

class Connection;

// All connections, idle ones apart and by age. Lock order: its mutex is a leaf.
class ConnectionTable {
 public:
  struct Entry {
    std::weak_ptr<Connection> connection;
    bool idle = false;
  };
  using Place = std::list<Entry>::iterator;

  // A new connection, which is busy. False if there are `connections_max` and none is idle;
  // otherwise `evicted` may be an idle one that must be closed for it.
  bool Add(const std::shared_ptr<Connection>& connection, size_t connections_max, Place* place,
           std::shared_ptr<Connection>* evicted) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (idle_.size() + busy_.size() >= connections_max) {
      if (idle_.empty()) return false;
      *evicted = idle_.front().connection.lock();
      // Not to be chosen again while it is being closed.
      idle_.front().idle = false;
      busy_.splice(busy_.end(), idle_, idle_.begin());
    }
    busy_.push_back({connection, false});
    *place = std::prev(busy_.end());
    return true;
  }
  void SetIdle(Place place, bool idle) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (place->idle == idle) return;
    place->idle = idle;
    if (idle) {
      idle_.splice(idle_.end(), busy_, place);
    } else {
      busy_.splice(busy_.end(), idle_, place);
    }
  }
  void Remove(Place place) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    (place->idle ? idle_ : busy_).erase(place);
    if (idle_.empty() && busy_.empty()) empty_.SignalAll();
  }
  std::vector<std::shared_ptr<Connection>> All() ABSL_LOCKS_EXCLUDED(mu_) {
    std::vector<std::shared_ptr<Connection>> all;
    MutexLock lock(&mu_);
    for (const std::list<Entry>* list : {&idle_, &busy_}) {
      for (const Entry& entry : *list) {
        if (auto connection = entry.connection.lock()) all.push_back(std::move(connection));
      }
    }
    return all;
  }
  // Waits until no connection is left, for `timeout` at the most.
  void AwaitEmpty(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_) {
    const absl::Duration deadline = RealClock()->Monotonic() + timeout;
    MutexLock lock(&mu_);
    while (!idle_.empty() || !busy_.empty()) {
      const absl::Duration left = deadline - RealClock()->Monotonic();
      if (left <= absl::ZeroDuration()) return;
      empty_.WaitFor(&mu_, std::min(left, absl::Seconds(3600)));
    }
  }

 private:
  Mutex mu_;
  CondVar empty_;
  std::list<Entry> idle_ ABSL_GUARDED_BY(mu_);  // longest idle first
  std::list<Entry> busy_ ABSL_GUARDED_BY(mu_);
};

// The status to refuse with; 0 to close without a word, as after a time-out, when Beast has closed
// the socket already.
int RefusalFor(const error_code& failure) {
  using beast_http::error;
  if (failure.category() != make_error_code(error::end_of_stream).category()) return 0;
  if (failure == error::end_of_stream || failure == error::partial_message) return 0;
  if (failure == error::header_limit) return 431;
  if (failure == error::body_limit) return 413;
  if (failure == error::bad_version) return 505;
  return 400;
}

// Beyond what the parser refuses: whatever two servers in a row might read differently.
int RefusalFor(const Parser::value_type& message, bool chunked) {
  const auto transfer = message.equal_range(beast_http::field::transfer_encoding);
  if (transfer.first != transfer.second) {
    const bool only_chunked =
        std::next(transfer.first) == transfer.second &&
        absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(absl::string_view(
                                   transfer.first->value().data(), transfer.first->value().size())),
                               "chunked");
    if (!only_chunked || !chunked || message.version() < 11) return 501;
    if (message.count(beast_http::field::content_length) != 0) return 400;
  }
  const size_t hosts = message.count(beast_http::field::host);
  if (hosts > 1 || (hosts == 0 && message.version() >= 11)) return 400;
  if (message.version() != 10 && message.version() != 11) return 505;
  return 0;
}

constexpr absl::string_view kHeadEnd = "\r\n\r\n";

absl::string_view View(beast::string_view text) { return {text.data(), text.size()}; }
absl::string_view View(const beast::flat_buffer& buffer) {
  return {static_cast<const char*>(buffer.data().data()), buffer.size()};
}

// False as soon as no proper head can come of these bytes.
bool MayBecomeHead(absl::string_view bytes) {
  const size_t line = bytes.find('\n');
  if (line == absl::string_view::npos) return true;
  return absl::EndsWith(bytes.substr(0, line), " HTTP/1.1\r") ||
         absl::EndsWith(bytes.substr(0, line), " HTTP/1.0\r");
}

// False for a target that is no path, as of CONNECT.
bool SetTarget(absl::string_view target, Request* request) {
  if (!absl::StartsWith(target, "/")) {
    // The absolute form, as sent to a proxy.
    const size_t scheme = target.find("://");
    if (scheme == absl::string_view::npos) return false;
    const size_t path = target.find_first_of("/?", scheme + 3);
    target = path == absl::string_view::npos ? "/" : target.substr(path);
  }
  target = target.substr(0, target.find('#'));
  const size_t question = std::min(target.find('?'), target.size());
  request->raw_path = std::string(target.substr(0, question));
  if (request->raw_path.empty()) request->raw_path.push_back('/');
  request->path = PercentDecode(request->raw_path);
  if (question < target.size()) request->query = ParseQuery(target.substr(question + 1));
  return true;
}

}  // namespace

// Bytes of all answers that wait for their readers. Thread-safe.
class AnswerRoom {
 public:
  explicit AnswerRoom(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  // Gives back what it took.
  class Hold {
   public:
    Hold(AnswerRoom* room, uint64_t bytes, bool fits) : room_(room), bytes_(bytes), fits_(fits) {}
    ~Hold() { room_->held_.fetch_sub(bytes_); }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    bool fits() const { return fits_; }

   private:
    AnswerRoom* const room_;
    const uint64_t bytes_;
    const bool fits_;
  };
  Hold Take(uint64_t bytes) {
    const uint64_t before = held_.fetch_add(bytes);
    if (before == 0 || before + bytes <= bytes_max_) return Hold(this, bytes, true);
    held_.fetch_sub(bytes);
    return Hold(this, 0, false);
  }

 private:
  const uint64_t bytes_max_;
  std::atomic<uint64_t> held_{0};
};

struct HttpServer::Impl {
  Options options;
  Handler handler;
  ConnectionTable table;
  std::unique_ptr<AnswerRoom> room;
  std::atomic<bool> stopping = false;
  // Last of what connections use: its end destroys those that are left.
  asio::io_context context;
  std::vector<std::thread> threads;
};

namespace {

struct ConnectionSettings {
  HttpServer::Options options;
  const Handler* handler = nullptr;
  ConnectionTable* table = nullptr;
  AnswerRoom* room = nullptr;
  const std::atomic<bool>* stopping = nullptr;
};

// One peer. Its coroutine owns it; everything but the constructor runs on its strand.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // `bytes` were read before.
  Connection(asio::ip::tcp::socket socket, std::string peer, uint16_t local_port,
             absl::string_view bytes, const ConnectionSettings& settings)
      : settings_(settings),
        peer_(std::move(peer)),
        local_port_(local_port),
        stream_(std::move(socket)) {
    asio::buffer_copy(buffer_.prepare(bytes.size()), asio::buffer(bytes.data(), bytes.size()));
    buffer_.commit(bytes.size());
  }
  ~Connection() {
    if (place_.has_value()) settings_.table->Remove(*place_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void set_place(ConnectionTable::Place place) { place_ = place; }

  // Starts serving, on the connection's strand.
  void Start() { asio::co_spawn(stream_.get_executor(), Run(shared_from_this()), asio::detached); }

  // From any thread: ends the connection now if it is idle, else after its answer.
  void CloseWhenIdle() {
    asio::post(stream_.get_executor(), [self = shared_from_this()] {
      self->closing_ = true;
      if (self->waiting_) self->stream_.cancel();
    });
  }

 private:
  static asio::awaitable<void> Run(std::shared_ptr<Connection> self) {
    for (;;) {
      if (self->buffer_.size() == 0) {
        const bool begun = co_await self->AwaitRequest();
        if (!begun) break;
      }
      const bool again = co_await self->ServeOne();
      if (!again) break;
    }
    if (!self->taken_over_) co_await self->End();
  }

  // Until the first bytes of a request are there. False if none will come.
  asio::awaitable<bool> AwaitRequest() {
    if (closing_ || *settings_.stopping) co_return false;
    buffer_.shrink_to_fit();  // of 10 000 idle connections none keeps a buffer
    settings_.table->SetIdle(*place_, true);
    waiting_ = true;
    stream_.expires_after(absl::ToChronoNanoseconds(settings_.options.idle_timeout));
    const auto space = buffer_.prepare(kReadBytes);
    const auto [error, count] = co_await stream_.async_read_some(space, kAwait);
    waiting_ = false;
    settings_.table->SetIdle(*place_, false);
    if (error) co_return false;
    buffer_.commit(count);
    co_return true;
  }

  // Reads one request and answers it. False if the connection must end.
  asio::awaitable<bool> ServeOne() {
    Parser parser;
    parser.header_limit(settings_.options.header_bytes_max);
    parser.body_limit(settings_.options.body_bytes_max);
    // One deadline for the whole request: a peer that sends a byte now and then gains nothing.
    stream_.expires_after(absl::ToChronoNanoseconds(settings_.options.request_timeout));
    if (settings_.options.wants != nullptr) {
      taken_over_ = co_await OfferTakeOver();
      if (taken_over_) co_return false;
    }
    {
      const auto [error, count] =
          co_await beast_http::async_read_header(stream_, buffer_, parser, kAwait);
      if (error) co_return co_await Refuse(RefusalFor(error));
    }
    if (const int status = RefusalFor(parser.get(), parser.chunked()); status != 0) {
      co_return co_await Refuse(status);
    }
    const auto expectation = parser.get().find(beast_http::field::expect);
    if (expectation != parser.get().end()) {
      if (!absl::EqualsIgnoreCase(View(expectation->value()), "100-continue")) {
        co_return co_await Refuse(417);
      }
      static constexpr absl::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      if (!parser.is_done() && parser.get().version() >= 11) {
        const auto [error, count] = co_await asio::async_write(
            stream_, asio::buffer(kContinue.data(), kContinue.size()), kAwait);
        if (error) co_return false;
      }
    }
    if (!parser.is_done()) {
      const auto [error, count] = co_await beast_http::async_read(stream_, buffer_, parser, kAwait);
      if (error) co_return co_await Refuse(RefusalFor(error));
    }
    const bool keep_alive = parser.keep_alive() && !closing_ && !*settings_.stopping;
    Request request;
    if (!Translate(parser.get(), &request)) co_return co_await Refuse(400);
    EncodeOptions encoding;
    encoding.accepts_gzip = AcceptsGzip(request.Header("accept-encoding"));
    encoding.head_only = request.method == "HEAD";
    encoding.keep_alive = keep_alive;
    encoding.now = RealClock()->Wall();
    EncodedResponse response = Encode((*settings_.handler)(request), encoding);
    const AnswerRoom::Hold hold = settings_.room->Take(response.body.size());
    if (!hold.fits()) {
      Response busy;
      busy.status = 503;
      busy.headers.emplace_back("Retry-After", "1");
      busy.body = "too many large answers wait for their readers\n";
      response = Encode(std::move(busy), encoding);
    }
    const bool written = co_await Write(&response);
    co_return written&& keep_alive;
  }

  // Whether somebody else has the connection now. What cannot be a head is left to the parser,
  // which refuses it at once.
  asio::awaitable<bool> OfferTakeOver() {
    size_t end = View(buffer_).find(kHeadEnd);
    while (end == absl::string_view::npos && MayBecomeHead(View(buffer_)) &&
           buffer_.size() < settings_.options.header_bytes_max) {
      const auto space = buffer_.prepare(kReadBytes);
      const auto [error, count] = co_await stream_.async_read_some(space, kAwait);
      if (error) co_return false;
      buffer_.commit(count);
      end = View(buffer_).find(kHeadEnd);
    }
    if (end == absl::string_view::npos) co_return false;
    const absl::string_view head = View(buffer_).substr(0, end + kHeadEnd.size());
    if (!settings_.options.wants(head, local_port_)) co_return false;
    error_code error;
    const int socket = stream_.release_socket().release(error);
    if (error) co_return false;
    settings_.options.take_over(socket, std::string(View(buffer_)), peer_, local_port_);
    co_return true;
  }

  // Moves the request into the form that handlers see.
  bool Translate(Parser::value_type& message, Request* request) const {
    request->method = std::string(View(message.method_string()));
    if (!SetTarget(View(message.target()), request)) return false;
    for (const auto& field : message) {
      request->headers.emplace_back(absl::AsciiStrToLower(View(field.name_string())),
                                    View(field.value()));
    }
    request->body = std::move(message.body());
    request->peer = peer_;
    request->local_port = local_port_;
    return true;
  }

  // Sends a short answer of the server's own; the connection ends after it. Always false.
  asio::awaitable<bool> Refuse(int status) {
    if (status == 0) co_return false;
    Response response;
    response.status = status;
    response.body = absl::StrCat(ReasonPhrase(status), "\n");
    EncodeOptions encoding;
    encoding.keep_alive = false;
    encoding.now = RealClock()->Wall();
    EncodedResponse encoded = Encode(std::move(response), encoding);
    linger_ = co_await Write(&encoded);
    co_return false;
  }

  // Head and body, in parts: each must be taken within the idle time-out, so that a slow reader is
  // served and one that stopped is not.
  asio::awaitable<bool> Write(EncodedResponse* response) {
    absl::string_view rest = response->body;
    const size_t first = std::min(rest.size(), kWriteBytes);
    const std::array<asio::const_buffer, 2> start = {asio::buffer(response->head),
                                                     asio::buffer(rest.data(), first)};
    SetWriteDeadline();
    const auto [error, count] = co_await asio::async_write(stream_, start, kAwait);
    if (error) co_return false;
    rest.remove_prefix(first);
    while (!rest.empty()) {
      const absl::string_view part = rest.substr(0, kWriteBytes);
      const bool written = co_await WritePart(part);
      if (!written) co_return false;
      rest.remove_prefix(part.size());
    }
    co_return true;
  }

  asio::awaitable<bool> WritePart(absl::string_view part) {
    SetWriteDeadline();
    const auto [error, count] =
        co_await asio::async_write(stream_, asio::buffer(part.data(), part.size()), kAwait);
    co_return !error;
  }

  void SetWriteDeadline() {
    stream_.expires_after(absl::ToChronoNanoseconds(settings_.options.idle_timeout));
  }

  asio::awaitable<void> End() {
    error_code ignored;
    stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    if (linger_ && !*settings_.stopping) {
      stream_.expires_after(absl::ToChronoNanoseconds(kLinger));
      std::vector<char> sink(kReadBytes * 4);
      for (size_t total = 0; total < kLingerBytes;) {
        const auto [error, count] = co_await stream_.async_read_some(asio::buffer(sink), kAwait);
        if (error) break;
        total += count;
      }
    }
    stream_.close();
  }

  const ConnectionSettings settings_;
  const std::string peer_;
  const uint16_t local_port_;
  std::optional<ConnectionTable::Place> place_;  // constant after Adopt
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  bool waiting_ = false;  // for the first byte of a request
  bool closing_ = false;
  bool linger_ = false;
  bool taken_over_ = false;
};

// "http-00"
std::string ThreadName(int index) { return absl::StrFormat("http-%02d", index); }

}  // namespace

HttpServer::HttpServer(const Options& options, Handler handler) : impl_(std::make_unique<Impl>()) {
  impl_->options = options;
  impl_->handler = std::move(handler);
  impl_->room = std::make_unique<AnswerRoom>(options.answers_bytes_max);
  for (int i = 0; i < std::max(options.threads, 1); ++i) {
    impl_->threads.emplace_back([impl = impl_.get(), i] {
      ::pthread_setname_np(::pthread_self(), ThreadName(i).c_str());
      const auto work = asio::make_work_guard(impl->context);
      impl->context.run();
    });
  }
}

HttpServer::~HttpServer() { Stop(absl::ZeroDuration()); }

void HttpServer::Adopt(int socket, absl::string_view bytes) {
  sockaddr_storage local = {};
  socklen_t length = sizeof(local);
  if (impl_->stopping || ::getsockname(socket, reinterpret_cast<sockaddr*>(&local), &length) != 0) {
    ::close(socket);
    return;
  }
  asio::ip::tcp::socket taken(asio::make_strand(impl_->context));
  error_code error;
  taken.assign(local.ss_family == AF_INET6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(), socket,
               error);
  if (error) {
    ::close(socket);
    return;
  }
  const auto remote = taken.remote_endpoint(error);
  if (error) return;  // gone already; `taken` closes it
  const uint16_t local_port = taken.local_endpoint(error).port();
  if (error) return;
  ConnectionSettings settings;
  settings.options = impl_->options;
  settings.handler = &impl_->handler;
  settings.table = &impl_->table;
  settings.room = impl_->room.get();
  settings.stopping = &impl_->stopping;
  const auto connection = std::make_shared<Connection>(
      std::move(taken), remote.address().to_string(), local_port, bytes, settings);
  ConnectionTable::Place place;
  std::shared_ptr<Connection> evicted;
  if (!impl_->table.Add(connection,
                        static_cast<size_t>(std::max(impl_->options.connections_max, 1)), &place,
                        &evicted)) {
    return;  // the end of `connection` closes it
  }
  connection->set_place(place);
  if (evicted != nullptr) evicted->CloseWhenIdle();
  connection->Start();
}

void HttpServer::Stop(absl::Duration grace) {
  if (impl_->threads.empty()) return;
  impl_->stopping = true;
  for (const std::shared_ptr<Connection>& connection : impl_->table.All()) {
    connection->CloseWhenIdle();
  }
  impl_->table.AwaitEmpty(grace);
  impl_->context.stop();
  for (std::thread& thread : impl_->threads) thread.join();
  impl_->threads.clear();
}

}  // namespace tributary::http
