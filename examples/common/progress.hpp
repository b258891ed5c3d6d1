// A progress bar on standard error, for work that several threads share.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <mutex>
#include <string>

namespace examples {

/// Shows how far the work is, its speed and the time left: one line that is written over on a terminal, a line every ten
/// seconds elsewhere. The first two seconds show nothing.
class progress_bar {
 public:
  progress_bar(std::string label, long total, std::string unit)
      : label_(std::move(label)), unit_(std::move(unit)), total_(total), terminal_(isatty(STDERR_FILENO) != 0) {}
  progress_bar(const progress_bar&) = delete;
  progress_bar& operator=(const progress_bar&) = delete;

  ~progress_bar() {
    if (shown_ && terminal_) std::fprintf(stderr, "\r\033[K");
    if (shown_) std::fprintf(stderr, "%s: %ld %s in %.0f s\n", label_.c_str(), done_, unit_.c_str(), seconds());
  }

  /// Work that was done before this program began: it counts neither as done nor as left.
  void leave_out(long count) {
    const std::lock_guard<std::mutex> lock(mutex_);
    total_ -= count;
  }

  void advance(long by = 1) {
    const std::lock_guard<std::mutex> lock(mutex_);
    done_ += by;
    const double now = seconds();
    if (now < next_) return;
    next_ = now + (terminal_ ? 0.2 : 10.0);
    shown_ = true;
    show(now);
  }

 private:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

  void show(double now) const {
    constexpr int width = 30;
    const double part = total_ > 0 ? static_cast<double>(done_) / static_cast<double>(total_) : 1;
    const double rate = static_cast<double>(done_) / now;
    std::string bar;
    for (int i = 0; i < width; ++i) bar += i < part * width ? "█" : "░";
    std::fprintf(stderr, "%s%s %s %3.0f %%  %ld of %ld %s  %.0f %s/s  %.0f s left%s", terminal_ ? "\r\033[K" : "",
                 label_.c_str(), bar.c_str(), 100 * part, done_, total_, unit_.c_str(), rate, unit_.c_str(),
                 static_cast<double>(total_ - done_) / rate, terminal_ ? "" : "\n");
    std::fflush(stderr);
  }

  std::string label_, unit_;
  long total_, done_ = 0;
  bool terminal_, shown_ = false;
  double next_ = 2.0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
};

}  // namespace examples
