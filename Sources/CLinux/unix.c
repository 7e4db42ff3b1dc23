// Unix sockets: addresses, names below another root, other processes' credentials, messages with descriptors.
#define _GNU_SOURCE 1
#include "CLinux.h"
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

// A path is passed with its terminating 0, where there is room for it: 108 bytes are taken without.
static socklen_t fill(struct sockaddr_un *out, const uint8_t *name, size_t length) {
  memset(out, 0, sizeof *out);
  out->sun_family = AF_UNIX;
  if (length > sizeof out->sun_path) return 0;
  memcpy(out->sun_path, name, length);
  size_t ending = length > 0 && name[0] != 0 && length < sizeof out->sun_path;
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + ending);
}

int cl_bind_unix(int socket, const uint8_t *name, size_t length) {
  struct sockaddr_un address;
  socklen_t size = fill(&address, name, length);
  if (!size) return -ENAMETOOLONG;
  return bind(socket, (struct sockaddr *)&address, size) ? -errno : 0;
}

int cl_connect_unix(int socket, const uint8_t *name, size_t length) {
  struct sockaddr_un address;
  socklen_t size = fill(&address, name, length);
  if (!size) return -ENAMETOOLONG;
  return connect(socket, (struct sockaddr *)&address, size) ? -errno : 0;
}

int cl_parse_unix(const void *bytes, size_t length, uint8_t *name) {
  struct sockaddr_un address;
  const size_t start = offsetof(struct sockaddr_un, sun_path);
  if (length < start || length > sizeof address) return -EINVAL;
  memset(&address, 0, sizeof address);
  memcpy(&address, bytes, length);
  if (address.sun_family != AF_UNIX) return -EINVAL;
  size_t count = length - start;
  // A path ends at its first 0, an abstract name at its length (unix(7)).
  if (count > 0 && address.sun_path[0] != 0) count = strnlen(address.sun_path, count);
  memcpy(name, address.sun_path, count);
  return (int)count;
}

int cl_local_unix(int socket, uint8_t *name) {
  struct sockaddr_un address;
  // One byte more than the struct: the kernel adds a 0 to a path of 108 bytes.
  char buffer[sizeof address + 1];
  socklen_t length = sizeof buffer;
  memset(buffer, 0, sizeof buffer);
  if (getsockname(socket, (struct sockaddr *)buffer, &length)) return -errno;
  return cl_parse_unix(buffer, length < sizeof address ? length : sizeof address, name);
}

// MARK: a name below another root

struct binding {
  int socket, root;
  struct sockaddr_un address;
  volatile int error;
};

static NO_SANITIZER __attribute__((noreturn)) void bind_below(void *argument) {
  struct binding *b = argument;
  if (syscall(SYS_fchdir, b->root) || syscall(SYS_chroot, ".") ||
      syscall(SYS_bind, b->socket, &b->address, sizeof b->address))
    b->error = errno;
  syscall(SYS_exit_group, 0);
  __builtin_unreachable();
}

int cl_bind_unix_below(int socket, int root, const char *path, int in_user_namespace) {
  struct binding b = {.socket = socket, .root = root, .address = {.sun_family = AF_UNIX}};
  size_t length = strlen(path);
  if (length >= sizeof b.address.sun_path) return -ENAMETOOLONG;
  memcpy(b.address.sun_path, path, length);
  int result = cl_run_and_reap(in_user_namespace ? CLONE_NEWUSER : 0, bind_below, &b);
  return result < 0 ? result : -b.error;
}

// MARK: another process's credentials

struct connection {
  int socket;
  struct sockaddr_un address;
  socklen_t size;
  uid_t user;
  gid_t group;
  const gid_t *groups;
  size_t group_count;
  volatile int error;
};

static NO_SANITIZER __attribute__((noreturn)) void connect_as(void *argument) {
  struct connection *c = argument;
  // Raw calls: glibc's wrappers would signal "all threads", which are the parent's.
  if (syscall(SYS_setgroups, c->group_count, c->groups) || syscall(SYS_setresgid, c->group, c->group, c->group) ||
      syscall(SYS_setresuid, c->user, c->user, c->user) || syscall(SYS_connect, c->socket, &c->address, c->size))
    c->error = errno;
  syscall(SYS_exit_group, 0);
  __builtin_unreachable();
}

int cl_connect_unix_as(int socket, const uint8_t *name, size_t length, uid_t user, gid_t group, const gid_t *groups,
                       size_t group_count) {
  struct connection c = {
      .socket = socket, .user = user, .group = group, .groups = groups, .group_count = group_count};
  if (!(c.size = fill(&c.address, name, length))) return -ENAMETOOLONG;
  int result = cl_run_and_reap(0, connect_as, &c);
  return result < 0 ? result : -c.error;
}

int cl_peer_credentials(int socket, int *pid, uid_t *user, gid_t *group) {
  struct ucred credentials;
  socklen_t length = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length)) return -errno;
  *pid = credentials.pid;
  *user = credentials.uid;
  *group = credentials.gid;
  return 0;
}

int cl_peer_groups(int socket, gid_t *groups, size_t capacity) {
  socklen_t length = (socklen_t)(capacity * sizeof *groups);
  if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups, &length)) return -errno;
  return (int)(length / sizeof *groups);
}

int cl_open_directory_at(int root, const char *path, int in_root) {
  struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = in_root ? RESOLVE_IN_ROOT : 0};
  long number = syscall(SYS_openat2, root, path, &how, sizeof how);
  return number < 0 ? -errno : (int)number;
}

int cl_find_directory_at(int root, const char *path, int in_root) {
  struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                         .resolve = RESOLVE_CACHED | (in_root ? RESOLVE_IN_ROOT : 0)};
  long number = syscall(SYS_openat2, root, path, &how, sizeof how);
  return number < 0 ? -errno : (int)number;
}

int cl_file_identity(int file, uint64_t *device, uint64_t *inode) {
  struct statx status;
  if (statx(file, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &status)) return -errno;
  *device = makedev(status.stx_dev_major, status.stx_dev_minor);
  *inode = status.stx_ino;
  return 0;
}

int cl_open_reference(int directory, const char *name) {
  int number = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  return number < 0 ? -errno : number;
}

// MARK: arrivals

// The lowest numbers are glibc's own; a service sees none of this, as its mask and its signals are set anew at its start.
int cl_realtime_signal(void) { return SIGRTMIN + 7; }

int cl_signal_arrivals(int socket, int signal) {
  // To the thread: of a process with several, any that doesn't block the signal would be killed by it.
  struct f_owner_ex owner = {.type = F_OWNER_TID, .pid = (pid_t)syscall(SYS_gettid)};
  if (fcntl(socket, F_SETOWN_EX, &owner) || fcntl(socket, F_SETSIG, signal)) return -errno;
  // Not F_SETFL: a service sets its own flags of the same open file at any moment, and reading and writing all would undo it.
  int on = 1;
  return ioctl(socket, FIOASYNC, &on) ? -errno : 0;
}

int cl_stop_signalling(int socket) {
  int off = 0;
  return ioctl(socket, FIOASYNC, &off) ? -errno : 0;
}

// MARK: messages

union rights {
  char bytes[CMSG_SPACE(sizeof(int) * CL_MAX_PASSED)];
  struct cmsghdr align;
};

ssize_t cl_receive_message(int socket, struct cl_message *message) {
  struct iovec vector = {message->bytes, message->length};
  union rights control;
  struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  message->descriptor_count = 0;
  ssize_t count = recvmsg(socket, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (count < 0) return -errno;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    size_t number = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < number && message->descriptor_count < CL_MAX_PASSED; i++)
      memcpy(&message->descriptors[message->descriptor_count++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
  }
  // Half of a message must not be taken for the whole. Its descriptors are the caller's in any case.
  return header.msg_flags & MSG_TRUNC ? -EMSGSIZE : count;
}

static size_t append_control(struct msghdr *header, size_t used, int type, const void *value, size_t size) {
  struct cmsghdr *c = (struct cmsghdr *)((char *)header->msg_control + used);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = type;
  c->cmsg_len = CMSG_LEN(size);
  memcpy(CMSG_DATA(c), value, size);
  return used + CMSG_SPACE(size);
}

ssize_t cl_send_message(int socket, const struct cl_message *message) {
  struct iovec vector = {message->bytes, message->length};
  union {
    char bytes[CMSG_SPACE(sizeof(int) * CL_MAX_PASSED) + CMSG_SPACE(sizeof(struct ucred))];
    struct cmsghdr align;
  } control;
  struct ucred credentials = {message->pid, message->user, message->group};
  while (1) {
    struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control};
    size_t used = 0;
    memset(&control, 0, sizeof control);
    if (message->has_credentials)
      used = append_control(&header, used, SCM_CREDENTIALS, &credentials, sizeof credentials);
    if (message->descriptor_count > 0)
      used = append_control(&header, used, SCM_RIGHTS, message->descriptors, sizeof(int) * (size_t)message->descriptor_count);
    header.msg_controllen = used;
    if (!used) header.msg_control = NULL;
    ssize_t count = sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) return count;
    // The process has ended, or is one that we can't name: then it is us, with its user and group.
    if (message->has_credentials && credentials.pid != getpid() && (errno == ESRCH || errno == EPERM)) {
      credentials.pid = getpid();
      continue;
    }
    return -errno;
  }
}
