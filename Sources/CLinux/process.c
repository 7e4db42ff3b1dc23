#define _GNU_SOURCE 1
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

_Static_assert(CL_PIDFD_THREAD == O_EXCL, "PIDFD_THREAD is O_EXCL");

static int result(long value) { return value < 0 ? -errno : (int)value; }

int cl_pidfd_open(int pid, unsigned flags) { return result(syscall(SYS_pidfd_open, pid, flags)); }
int cl_pidfd_getfd(int pidfd, int number) { return result(syscall(SYS_pidfd_getfd, pidfd, number, 0)); }
int cl_pidfd_send_signal(int pidfd, int signal) { return result(syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0)); }

ssize_t cl_process_read(int pid, uint64_t address, void *buffer, size_t length) {
  struct iovec local = {buffer, length}, remote = {(void *)(uintptr_t)address, length};
  ssize_t count = process_vm_readv(pid, &local, 1, &remote, 1, 0);
  return count < 0 ? -errno : count;
}

ssize_t cl_page_out(int pidfd, uint64_t address, uint64_t length) {
  struct iovec range = {(void *)(uintptr_t)address, length};
  ssize_t count = syscall(SYS_process_madvise, pidfd, &range, 1, MADV_PAGEOUT, 0);
  return count < 0 ? -errno : count;
}

#define MAX_PIECES 8

ssize_t cl_process_read_message(int pid, uint64_t header, uint8_t *name, size_t *name_length, uint8_t *bytes, size_t capacity) {
  struct msghdr message;
  struct iovec pieces[MAX_PIECES];
  if (cl_process_read(pid, header, &message, sizeof message) != sizeof message) return -EFAULT;
  if (message.msg_namelen > 128 || message.msg_iovlen > MAX_PIECES) return -E2BIG;
  *name_length = message.msg_namelen;
  // Each part has its own check for its full length: a read across an unmapped page ends early.
  if (message.msg_namelen &&
      cl_process_read(pid, (uint64_t)(uintptr_t)message.msg_name, name, message.msg_namelen) != (ssize_t)message.msg_namelen)
    return -EFAULT;
  ssize_t listed = (ssize_t)(message.msg_iovlen * sizeof *pieces);
  if (listed && cl_process_read(pid, (uint64_t)(uintptr_t)message.msg_iov, pieces, (size_t)listed) != listed) return -EFAULT;
  size_t count = 0;
  for (size_t i = 0; i < message.msg_iovlen; i++) {
    size_t length = pieces[i].iov_len;
    if (length > capacity - count) return -E2BIG;
    if (length && cl_process_read(pid, (uint64_t)(uintptr_t)pieces[i].iov_base, bytes + count, length) != (ssize_t)length)
      return -EFAULT;
    count += length;
  }
  return (ssize_t)count;
}

int cl_become_subreaper(void) { return result(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)); }

int cl_reap(int *status) {
  pid_t pid = waitpid(-1, status, WNOHANG);
  if (pid < 0) return errno == ECHILD ? 0 : -errno;
  return pid;
}

int cl_pipe(int *reading, int *writing, int blocks) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | (blocks ? 0 : O_NONBLOCK))) return -errno;
  *reading = ends[0];
  *writing = ends[1];
  return 0;
}

const char *cl_signal_name(int number) { return sigabbrev_np(number); }

int cl_open_directory(const char *path) { return result(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)); }
int cl_open_reading(const char *path) { return result(open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)); }
