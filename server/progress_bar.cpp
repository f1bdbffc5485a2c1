#include "server/progress_bar.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "server/terminal.h"

namespace blockwatch {
namespace {

constexpr std::chrono::milliseconds kPatience{500};  // shorter work needs no bar
constexpr std::chrono::milliseconds kRedraw{100};
constexpr std::size_t kWidth = 30;  // characters of the bar

}  // namespace

ProgressBar::ProgressBar(std::string title)
    : title_(std::move(title)), visible_(stderr_is_terminal()) {}

ProgressBar::~ProgressBar() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
}

void ProgressBar::show(std::uint64_t bytes, std::uint64_t total, const std::string& more) {
  const auto now = Clock::now();
  if (!visible_ || now - start_ < kPatience || now - last_draw_ < kRedraw) return;
  last_draw_ = now;
  drawn_ = true;
  const double megabytes = static_cast<double>(bytes) / 1e6;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  std::string bar;
  if (total > 0) {
    const double part = std::min(1.0, static_cast<double>(bytes) / static_cast<double>(total));
    const auto full = static_cast<std::size_t>(part * kWidth);
    bar = "[" + std::string(full, '#') + std::string(kWidth - full, '.') + "] " +
          std::to_string(static_cast<int>(part * 100)) + "% ";
  }
  std::fprintf(stderr, "\r\x1b[K%s %s%.0f MB, %s%.0f MB/s", title_.c_str(), bar.c_str(), megabytes,
               more.c_str(), megabytes / seconds);
  std::fflush(stderr);
}

}  // namespace blockwatch
