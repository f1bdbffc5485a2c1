#include "tests/server/raw_client.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>

namespace blockwatch {
namespace {

constexpr std::chrono::seconds kLimit{20};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

std::string RawResponse::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

RawClient::RawClient(int port, int receive_buffer) : socket_(connect_raw(port, receive_buffer)) {}

void RawClient::close() { socket_.reset(); }

bool RawClient::send(std::string_view bytes) const {
  while (socket_ && !bytes.empty()) {
    const Socket::Transfer sent = socket_->send(bytes.data(), bytes.size());
    if (sent.status == Socket::Status::kClosed) return false;
    if (sent.status == Socket::Status::kWouldBlock && !socket_->wait_writable(kLimit)) return false;
    bytes.remove_prefix(sent.bytes);
  }
  return bytes.empty();
}

bool RawClient::fill(std::chrono::steady_clock::time_point end) {
  if (ended_ || !socket_) return false;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
  if (!socket_->wait_readable(left)) return false;
  std::array<char, 65536> buffer{};
  const Socket::Transfer got = socket_->receive(buffer.data(), buffer.size());
  ended_ = got.status == Socket::Status::kClosed;
  in_.append(buffer.data(), got.bytes);
  return !ended_;
}

RawResponse RawClient::receive(bool to_head) {
  const auto end = std::chrono::steady_clock::now() + kLimit;
  RawResponse response;
  while (in_.find("\r\n\r\n") == std::string::npos) {
    if (!fill(end)) return response;
  }
  const std::size_t head_end = in_.find("\r\n\r\n") + 4;
  response.head = in_.substr(0, head_end);
  in_.erase(0, head_end);
  if (response.head.size() > 12) response.status = std::atoi(response.head.substr(9, 3).c_str());
  std::size_t at = response.head.find("\r\n") + 2;
  while (at < response.head.size()) {
    const std::size_t line_end = response.head.find("\r\n", at);
    const std::string line = response.head.substr(at, line_end - at);
    at = line_end + 2;
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) {
      response.headers[lower(line.substr(0, colon))] = line.substr(colon + 2);
    }
  }
  if (to_head || response.status == 204 || response.status == 304 || response.status == 100) {
    response.complete = true;
    return response;
  }
  if (response.header("transfer-encoding") == "chunked") {
    while (true) {
      while (in_.find("\r\n") == std::string::npos) {
        if (!fill(end)) return response;
      }
      const std::size_t line_end = in_.find("\r\n");
      const std::size_t size = std::strtoul(in_.c_str(), nullptr, 16);
      while (in_.size() < line_end + 2 + size + 2) {
        if (!fill(end)) return response;
      }
      response.body += in_.substr(line_end + 2, size);
      in_.erase(0, line_end + 2 + size + 2);
      if (size == 0) break;
    }
    response.complete = true;
    return response;
  }
  if (!response.headers.contains("content-length")) {
    while (fill(end)) {
    }
    response.body = std::move(in_);
    in_.clear();
    response.complete = ended_;
    return response;
  }
  const std::size_t length = std::strtoul(response.header("content-length").c_str(), nullptr, 10);
  while (in_.size() < length) {
    if (!fill(end)) return response;
  }
  response.body = in_.substr(0, length);
  in_.erase(0, length);
  response.complete = true;
  return response;
}

std::string RawClient::receive_until(std::string_view text) {
  const auto end = std::chrono::steady_clock::now() + kLimit;
  while (in_.find(text) == std::string::npos && fill(end)) {
  }
  return in_;
}

std::string RawClient::receive_all() {
  const auto end = std::chrono::steady_clock::now() + kLimit;
  while (fill(end)) {
  }
  return in_;
}

bool RawClient::closes_within(std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (fill(end)) {
  }
  return ended_;
}

}  // namespace blockwatch
