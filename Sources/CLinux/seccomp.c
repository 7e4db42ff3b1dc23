// Adoption's kernel side: a filter that sends bind() to a listener, and the listener's calls.
#define _GNU_SOURCE 1
#include "CLinux.h"
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NATIVE_ARCHITECTURE AUDIT_ARCH_X86_64
#else
#error "name this architecture's AUDIT_ARCH"
#endif

int cl_install_filter(int traps) {
  struct sock_filter program[32];
  unsigned char n = 0;
#define ADD(...) program[n++] = (struct sock_filter)__VA_ARGS__
  // Another architecture's calls (a 32-bit program) have other numbers: they go on unseen.
  ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)));
  ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCHITECTURE, 1, 0));
  ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
  if (traps & CL_TRAP_PATHS) {
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_unlink, 0, 1));
    ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_unlinkat, 0, 4));
    ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])));
    // rmdir() in its other form.
    ADD(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, AT_REMOVEDIR, 0, 1));
    ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_connect, 0, 5));
    // A unix address is told from the others by its length: only those that no held path can have go on unasked.
    ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])));
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, traps & CL_TRAP_LENGTH_16 ? 0 : sizeof(struct sockaddr_in), 2, 0));
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, traps & CL_TRAP_LENGTH_28 ? 0 : sizeof(struct sockaddr_in6), 1, 0));
    ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
    ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  }
  if (traps & CL_TRAP_MESSAGES) {
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_sendmsg, 0, 4));
    ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])));
    ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MSG_NOSIGNAL, 0, 1));
    ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
    ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  }
  ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_bind, 0, 2));
  // glibc's getaddrinfo binds a netlink socket each time: by the address's length it is known here, and needs no one.
  ADD(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])));
  ADD(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, traps & CL_TRAP_LENGTH_12 ? 0 : sizeof(struct sockaddr_nl), 0, 1));
  ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  ADD(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
#undef ADD
  struct sock_fprog description = {n, program};
  // WAIT_KILLABLE_RECV (5.19): a signal to the server doesn't restart a bind() that we have begun to answer.
  long listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                          SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &description);
  if (listener < 0 && errno == EINVAL)
    listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &description);
  return listener < 0 ? -errno : (int)listener;
}

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

int cl_notification_hurry(int listener) {
  return ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) ? -errno : 0;
}

enum cl_call cl_call_of(int call) {
  switch (call) {
    case __NR_bind: return CL_CALL_BIND;
    case __NR_connect: return CL_CALL_CONNECT;
    case __NR_unlink: return CL_CALL_UNLINK;
    case __NR_unlinkat: return CL_CALL_UNLINKAT;
    case __NR_sendmsg: return CL_CALL_SENDMSG;
    default: return CL_CALL_OTHER;
  }
}

// The kernel's struct may be larger than the header's: SECCOMP_GET_NOTIF_SIZES tells. 1 KiB is more than ten times today's.
#define NOTIFICATION_BYTES 1024

int cl_notification_receive(int listener, struct cl_notification *notification) {
  struct seccomp_notif_sizes sizes;
  if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes)) return -errno;
  if (sizes.seccomp_notif > NOTIFICATION_BYTES) return -E2BIG;
  union {
    struct seccomp_notif notification;
    char bytes[NOTIFICATION_BYTES];
  } in;
  memset(&in, 0, sizeof in);  // the kernel refuses a buffer that isn't zero
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &in)) return -errno;
  notification->id = in.notification.id;
  notification->thread = (int)in.notification.pid;
  notification->call = in.notification.data.nr;
  for (int i = 0; i < 6; i++) notification->arguments[i] = in.notification.data.args[i];
  return 0;
}

int cl_notification_is_valid(int listener, uint64_t id) {
  return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) ? -errno : 0;
}

static int respond(int listener, uint64_t id, int error, uint32_t flags) {
  struct seccomp_notif_sizes sizes;
  if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes)) return -errno;
  if (sizes.seccomp_notif_resp > NOTIFICATION_BYTES) return -E2BIG;
  union {
    struct seccomp_notif_resp response;
    char bytes[NOTIFICATION_BYTES];
  } out;
  memset(&out, 0, sizeof out);
  out.response.id = id;
  out.response.error = -error;
  out.response.flags = flags;
  return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &out) ? -errno : 0;
}

int cl_notification_continue(int listener, uint64_t id) { return respond(listener, id, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE); }
int cl_notification_answer(int listener, uint64_t id, int error) { return respond(listener, id, error, 0); }

int cl_notification_set_descriptor(int listener, uint64_t id, int source, int number, int close_on_exec) {
  struct seccomp_notif_addfd request = {
      .id = id,
      .flags = SECCOMP_ADDFD_FLAG_SETFD,
      .srcfd = (uint32_t)source,
      .newfd = (uint32_t)number,
      .newfd_flags = close_on_exec ? O_CLOEXEC : 0,
  };
  int result = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &request);
  return result < 0 ? -errno : result;
}
