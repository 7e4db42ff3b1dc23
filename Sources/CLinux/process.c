#define _GNU_SOURCE 1
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
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
