// Run by the kernel at every packet that is freed for a reason: tells of those that netfilter drops
// while the process that sends them is at it.

#include <linux/bpf.h>
// Need the types of that.
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "monitor/netfilter/drop_record.h"

// What is read of the kernel's types; where it lies in them, the running kernel tells.
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct ns_common {
  unsigned int inum;
};
struct net {
  struct ns_common ns;
};
typedef struct {
  struct net* net;
} possible_net_t;
struct sock_common {
  unsigned short skc_num;
  unsigned char skc_state;
  possible_net_t skc_net;
};
typedef struct {
  int owned;
} socket_lock_t;
struct socket {
  struct file* file;
};
struct sock {
  struct sock_common __sk_common;
  socket_lock_t sk_lock;
  unsigned short sk_type;
  unsigned short sk_protocol;
  struct socket* sk_socket;
  void* sk_user_data;
};
struct sk_buff {
  struct sock* sk;
  void* dev;
  int skb_iif;
  unsigned char* head;
  unsigned int tail;
  unsigned short network_header;
};
struct qstr {
  const unsigned char* name;
};
struct dentry {
  struct dentry* d_parent;
  struct qstr d_name;
};
struct vfsmount {
  struct dentry* mnt_root;
};
struct mount {
  struct mount* mnt_parent;
  struct dentry* mnt_mountpoint;
  struct vfsmount mnt;
};
struct path {
  struct vfsmount* mnt;
  struct dentry* dentry;
};
struct file {
  struct path f_path;
};
struct mm_struct {
  struct file* exe_file;
};
struct task_struct {
  unsigned int flags;
  struct mm_struct* mm;
};
enum skb_drop_reason { SKB_DROP_REASON_NETFILTER_DROP = 8 };
#pragma clang attribute pop

enum {
  kMostSteps = 24,             // of a path: names and mounts
  kNameBytes = 128,            // with its NUL
  kKernelThread = 0x00200000,  // PF_KTHREAD
  kDatagrams = 2,              // SOCK_DGRAM
  kRaw = 3,                    // SOCK_RAW
  kRequestState = 12,          // TCP_NEW_SYN_RECV: not a whole socket
  kTimeWaitState = 6,          // TCP_TIME_WAIT: likewise
  kListenState = 10,           // TCP_LISTEN: answers without its lock
};

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 1 << 20);
} records SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, unsigned int);
  __type(value, struct DropShared);
} shared SEC(".maps");

// Does the task at hand send it, by a call of its own? What an interrupt or a timer sends would be
// told of with whoever happens to run.
static __always_inline int is_sender(struct task_struct* task, struct sk_buff* skb,
                                     struct sock* sock) {
  // Fresh from the socket: neither received nor on its way out through a device.
  if (BPF_CORE_READ(skb, skb_iif) != 0 || BPF_CORE_READ(skb, dev)) return 0;
  if (BPF_CORE_READ(task, flags) & kKernelThread) return 0;
  const unsigned char state = BPF_CORE_READ(sock, __sk_common.skc_state);
  if (state == kRequestState || state == kTimeWaitState || state == kListenState) return 0;
  // The kernel's own sockets have no file; tunnels use that of a user, but mark it.
  if (!BPF_CORE_READ(sock, sk_socket, file) || BPF_CORE_READ(sock, sk_user_data)) return 0;
  // Datagrams are sent by the call alone. TCP and SCTP also send when they like, but then nobody
  // has the lock.
  const unsigned short type = BPF_CORE_READ(sock, sk_type);
  return type == kDatagrams || type == kRaw || BPF_CORE_READ(sock, sk_lock.owned) != 0;
}

// Leaves no names where they are not known as a whole.
static __always_inline void write_names(struct task_struct* task, struct DropRecord* record) {
  // In memory, where its value is anything to the kernel's verifier, which would follow each other.
  volatile unsigned short* const size = &record->names_size;
  *size = 0;
  struct file* file = BPF_CORE_READ(task, mm, exe_file);
  if (!file) return;
  struct dentry* at = BPF_CORE_READ(file, f_path.dentry);
  struct vfsmount* mount = BPF_CORE_READ(file, f_path.mnt);
  for (int i = 0; i < kMostSteps; ++i) {
    if (at == BPF_CORE_READ(mount, mnt_root)) {
      const unsigned int inside = bpf_core_field_offset(struct mount, mnt);
      struct mount* whole = (void*)mount - inside;
      struct mount* parent = BPF_CORE_READ(whole, mnt_parent);
      if (parent == whole) return;
      at = BPF_CORE_READ(whole, mnt_mountpoint);
      mount = (void*)parent + inside;
      continue;
    }
    struct dentry* parent = BPF_CORE_READ(at, d_parent);
    const unsigned int start = *size;
    if (parent == at || start > kDropNamesBytes - kNameBytes) break;
    const long length = bpf_probe_read_kernel_str(record->names + start, kNameBytes,
                                                  BPF_CORE_READ(at, d_name.name));
    if (length <= 1 || length >= kNameBytes) break;
    *size = start + length;
    at = parent;
  }
  *size = 0;
}

SEC("tp_btf/kfree_skb")
int watch_drops(unsigned long long* arguments) {
  struct sk_buff* skb = (struct sk_buff*)arguments[0];
  const unsigned int reason = arguments[2];
  if (reason != bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_NETFILTER_DROP)) return 0;
  const unsigned int first = 0;
  struct DropShared* both = bpf_map_lookup_elem(&shared, &first);
  struct sock* sock = BPF_CORE_READ(skb, sk);
  struct task_struct* task = (struct task_struct*)bpf_get_current_task();
  if (!both || !sock || !is_sender(task, skb, sock)) return 0;
  if (BPF_CORE_READ(sock, __sk_common.skc_net.net, ns.inum) != both->namespace_inode) return 0;

  struct DropRecord* record = bpf_ringbuf_reserve(&records, sizeof *record, 0);
  if (!record) {
    __sync_fetch_and_add(&both->lost, 1);
    return 0;
  }
  record->time = bpf_ktime_get_ns();
  record->process = bpf_get_current_pid_tgid() >> 32;
  record->protocol = BPF_CORE_READ(sock, sk_protocol);
  record->port = BPF_CORE_READ(sock, __sk_common.skc_num);
  const unsigned int start = BPF_CORE_READ(skb, network_header);
  unsigned int size = BPF_CORE_READ(skb, tail) - start;
  if (size > kDropPacketBytes) size = kDropPacketBytes;
  if (bpf_probe_read_kernel(record->packet, size, BPF_CORE_READ(skb, head) + start) != 0) size = 0;
  record->packet_size = size;
  write_names(task, record);
  bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
  return 0;
}

char kLicense[] SEC("license") = "Dual MIT/GPL";
