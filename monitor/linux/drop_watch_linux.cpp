// DropWatch over libbpf: loads drop_watch.bpf.c, which the build has compiled, into the kernel.

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <thread>

#include "monitor/linux/drop_watch_object.h"
#include "monitor/netfilter/drop_record.h"
#include "monitor/netfilter/drop_watch.h"
#include "monitor/netfilter/recent_senders.h"

namespace blockwatch {
namespace {

using Clock = RecentSenders::Clock;

// The kernel hands packets on within 10 ms; more is for a program that is held up.
constexpr std::chrono::seconds kWindow{2};
constexpr std::size_t kMostPackets = 4'096;
// A packet is logged a moment before it is dropped, and may be here first. At most a tenth of the
// time goes into waiting.
constexpr std::chrono::milliseconds kMostWait{2};
constexpr std::chrono::microseconds kStep{100};
constexpr int kWaitShare = 10;
// Numbers of processes are those of the first namespace of them.
constexpr ino_t kFirstProcessNamespace = 0xEFFFFFFC;

struct CloseObject {
  void operator()(bpf_object* object) const { ::bpf_object__close(object); }
};
struct DestroyLink {
  void operator()(bpf_link* link) const { ::bpf_link__destroy(link); }
};
struct FreeRing {
  void operator()(ring_buffer* ring) const { ::ring_buffer__free(ring); }
};
struct Unmap {
  void operator()(DropShared* shared) const { ::munmap(shared, sizeof *shared); }
};

ino_t inode_of(const char* path) {
  struct stat about {};
  return ::stat(path, &about) == 0 ? about.st_ino : 0;
}

tl::unexpected<Error> refusal(int error) {
  return make_error(
      error == EPERM || error == EACCES ? ErrorCode::kPermission : ErrorCode::kUnsupported,
      std::string("the kernel does not take the program that would tell: ") + std::strerror(error));
}

class LinuxDropWatch final : public DropWatch {
 public:
  // 0, or errno.
  int open() {
    object_.reset(::bpf_object__open_mem(kDropWatchObject, kDropWatchObjectSize, nullptr));
    if (!object_) return errno;
    if (const int error = ::bpf_object__load(object_.get()); error != 0) return -error;
    const int shared = ::bpf_object__find_map_fd_by_name(object_.get(), "shared");
    const int records = ::bpf_object__find_map_fd_by_name(object_.get(), "records");
    void* const memory =
        ::mmap(nullptr, sizeof(DropShared), PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
    if (memory == MAP_FAILED) return errno;
    shared_.reset(static_cast<DropShared*>(memory));
    shared_->namespace_inode = static_cast<unsigned>(inode_of("/proc/self/ns/net"));
    ring_.reset(::ring_buffer__new(records, take, this, nullptr));
    if (!ring_) return errno;
    link_.reset(
        ::bpf_program__attach(::bpf_object__find_program_by_name(object_.get(), "watch_drops")));
    return link_ ? 0 : errno;
  }

  void keep_up() override {
    const std::lock_guard lock(mutex_);
    read();
  }

  std::shared_ptr<const PacketSender> sender_of(const Packet& packet) override {
    const std::lock_guard lock(mutex_);
    const auto start = Clock::now();
    auto sender = senders_.find(packet, start);
    if (sender || start < next_wait_) return sender;
    auto time = start;
    while (true) {
      read();
      sender = senders_.find(packet, time);
      if (sender || time - start >= kMostWait) break;
      std::this_thread::sleep_for(kStep);
      time = Clock::now();
    }
    next_wait_ = time + (time - start) * kWaitShare;
    return sender;
  }

 private:
  static int take(void* self, void* data, std::size_t size) {
    const auto* const bytes = static_cast<const std::uint8_t*>(data);
    const auto dropped = parse_drop_record({bytes, size});
    if (!dropped) return 0;
    static_cast<LinuxDropWatch*>(self)->senders_.add(
        dropped->packet, dropped->sender,
        Clock::time_point(std::chrono::nanoseconds(dropped->time)));
    return 0;
  }

  void read() {
    (void)::ring_buffer__consume(ring_.get());
    const auto lost = std::atomic_ref(shared_->lost).load();
    if (lost == lost_) return;
    // Another process may have sent the same as one that is known.
    lost_ = lost;
    senders_.clear();
  }

  std::unique_ptr<bpf_object, CloseObject> object_;
  std::unique_ptr<DropShared, Unmap> shared_;
  std::unique_ptr<ring_buffer, FreeRing> ring_;
  std::unique_ptr<bpf_link, DestroyLink> link_;

  std::mutex mutex_;  // guards all below, and the reading of the ring
  RecentSenders senders_{kWindow, kMostPackets};
  unsigned long long lost_ = 0;
  Clock::time_point next_wait_;
};

}  // namespace

Result<std::unique_ptr<DropWatch>> open_drop_watch() {
  if (inode_of("/proc/self/ns/pid") != kFirstProcessNamespace) {
    return make_error(ErrorCode::kUnsupported, "processes have other numbers in this container");
  }
  ::libbpf_set_print(nullptr);  // what is in the way is told by the result
  auto watch = std::make_unique<LinuxDropWatch>();
  if (const int error = watch->open(); error != 0) return refusal(error);
  return watch;
}

}  // namespace blockwatch
