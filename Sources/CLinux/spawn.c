// Children that share our memory: a service to be, an epoll registration, an RCU barrier.
#define _GNU_SOURCE 1
#include "CLinux.h"
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
#define STACK_BYTES (64 * 1024)

// clone3 with a stack of its own: the child starts in `function` and must never return. Inline, because a child that
// returned from a C function of the parent's would use the parent's frame.
#if defined(__x86_64__)
__asm__(
    ".text\n"
    ".type cl_clone3, @function\n"
    "cl_clone3:\n"
    "  mov %rdx, %r8\n"  // function: a register that the system call keeps
    "  mov %rcx, %r9\n"  // argument
    "  mov $435, %eax\n"
    "  syscall\n"
    "  test %rax, %rax\n"
    "  jz 1f\n"
    "  ret\n"
    "1: xor %ebp, %ebp\n"
    "  mov %r9, %rdi\n"
    "  call *%r8\n"
    "  hlt\n"
    ".size cl_clone3, .-cl_clone3\n");
#else
#error "Torpor runs on x86_64 only so far: cl_clone3 needs this architecture's system call convention."
#endif
extern long cl_clone3(struct clone_args *arguments, size_t size, void (*function)(void *), void *argument);

static void *new_stack(void) {
  void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  return stack == MAP_FAILED ? NULL : stack;
}

// Runs `function` in a child that borrows our memory until it execs or exits. Signals are blocked meanwhile: a handler
// that ran in the child would run on our data.
static long run_in_child(uint64_t flags, int cgroup, int exit_signal, int *pidfd, void (*function)(void *), void *argument) {
  void *stack = new_stack();
  if (!stack) return -errno;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  struct clone_args arguments = {
      .flags = flags | CLONE_VM | CLONE_VFORK | CLONE_PIDFD | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
      .pidfd = (uint64_t)(uintptr_t)pidfd,
      .exit_signal = (uint64_t)exit_signal,
      .stack = (uint64_t)(uintptr_t)stack,
      .stack_size = STACK_BYTES,
      .cgroup = cgroup >= 0 ? (uint64_t)cgroup : 0,
  };
  long pid = cl_clone3(&arguments, sizeof arguments, function, argument);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  munmap(stack, STACK_BYTES);
  return pid;
}

static void reap(int pidfd) {
  siginfo_t information;
  while (waitid(P_PIDFD, (id_t)pidfd, &information, WEXITED | __WALL) < 0 && errno == EINTR) {}
  close(pidfd);
}

int cl_run_and_reap(uint64_t clone_flags, void (*function)(void *), void *argument) {
  int pidfd = -1;
  long pid = run_in_child(clone_flags, -1, 0, &pidfd, function, argument);
  if (pid < 0) return (int)pid;
  reap(pidfd);
  return 0;
}

// MARK: a service

struct child {
  const struct cl_spawn_request *request;
  int channel;  // our end of a socket pair for the seccomp listener, or -1
  volatile int error;
  volatile int stage;
  volatile int detail;
};

static NO_SANITIZER void write_decimal(char *out, unsigned value) {
  char digits[12];
  int count = 0;
  do {
    digits[count++] = (char)('0' + value % 10);
    value /= 10;
  } while (value);
  while (count) *out++ = digits[--count];
  *out = 0;
}

static NO_SANITIZER int give_descriptors(const struct cl_spawn_request *request) {
  const int standard[3] = {request->standard_input, request->standard_output, request->standard_error};
  for (int number = 0; number < 3; number++)
    if (standard[number] >= 0 && dup2(standard[number], number) < 0) return -1;
  // First out of the way of 3…, then into place: dup2(3, 3) would leave close-on-exec set, and dup2(5, 3) could hit a later one.
  int count = request->descriptor_count, moved[CL_MAX_DESCRIPTORS];
  if (count > CL_MAX_DESCRIPTORS) {
    errno = E2BIG;
    return -1;
  }
  for (int i = 0; i < count; i++) {
    moved[i] = request->descriptors[i];
    if (moved[i] < 3 + count && (moved[i] = fcntl(moved[i], F_DUPFD_CLOEXEC, 3 + count)) < 0) return -1;
  }
  for (int i = 0; i < count; i++)
    if (dup2(moved[i], 3 + i) < 0) return -1;
  return (int)syscall(SYS_close_range, 3 + count, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
}

// After the descriptors: a low RLIMIT_NOFILE would be in their way. Before the user changes, who may not raise any.
static NO_SANITIZER int set_limits(struct child *child) {
  for (size_t i = 0; i < child->request->limit_count; i++) {
    const struct cl_limit *limit = &child->request->limits[i];
    uint64_t wanted[2] = {limit->soft, limit->hard}, present[2];
    child->detail = limit->resource;
    if (!syscall(SYS_prlimit64, 0, limit->resource, wanted, NULL)) continue;
    if (errno != EPERM || syscall(SYS_prlimit64, 0, limit->resource, NULL, present)) return -1;
    for (int end = 0; end < 2; end++)
      if (wanted[end] > present[1]) wanted[end] = present[1];
    if (syscall(SYS_prlimit64, 0, limit->resource, wanted, NULL)) return -1;
  }
  return 0;
}

static NO_SANITIZER int set_oom_score(const char *text) {
  size_t length = 0;
  while (text[length]) length++;
  int file = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC, 0);
  if (file < 0) return -1;
  // We share our parent's memory, and yet this is the child's alone: __set_oom_adj() leaves a vfork's parent out.
  return syscall(SYS_write, file, text, length) == (long)length ? 0 : -1;
}

static NO_SANITIZER int enter_directory(const struct cl_spawn_request *request) {
  if (!syscall(SYS_chdir, request->directory)) return 0;
  return request->directory_may_be_missing ? (int)syscall(SYS_chdir, "/") : -1;
}

// Dispositions that are ignored survive both CLONE_CLEAR_SIGHAND and exec, so each is set back. The table is our own:
// CLONE_SIGHAND is not among the flags.
static NO_SANITIZER void reset_signals(int ignores_broken_pipes) {
  struct {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
  } action = {0};
  for (int number = 1; number <= 64; number++) syscall(SYS_rt_sigaction, number, &action, NULL, 8);
  action.handler = (void *)SIG_IGN;
  if (ignores_broken_pipes) syscall(SYS_rt_sigaction, SIGPIPE, &action, NULL, 8);
  uint64_t none = 0;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
}

static NO_SANITIZER __attribute__((noreturn)) void become_service(void *argument) {
  struct child *child = argument;
  const struct cl_spawn_request *request = child->request;
  for (int i = 0; i < CL_MAX_PID_PLACES && request->pid_places[i]; i++)
    write_decimal(request->pid_places[i], (unsigned)syscall(SYS_getpid));
  syscall(SYS_setsid);

  // What only root may do comes before the user changes.
  child->stage = CL_STAGE_OOM_SCORE;
  if (request->oom_score && set_oom_score(request->oom_score)) goto failed;
  child->stage = CL_STAGE_NICE;
  if (request->changes_nice && syscall(SYS_setpriority, PRIO_PROCESS, 0, request->nice)) goto failed;
  child->stage = CL_STAGE_IO_PRIORITY;
  if (request->changes_io_priority && syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, request->io_priority)) goto failed;
  child->stage = CL_STAGE_NO_NEW_PRIVILEGES;
  if (request->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) goto failed;
  child->stage = CL_STAGE_FILTER;
  if (request->traps) {
    int listener = cl_install_filter(request->traps);
    if (listener < 0) {
      errno = -listener;
      goto failed;
    }
    if (cl_send_descriptor(child->channel, listener) < 0) goto failed;
  }
  child->stage = CL_STAGE_DESCRIPTORS;
  if (give_descriptors(request)) goto failed;
  child->stage = CL_STAGE_LIMITS;
  if (set_limits(child)) goto failed;
  // Raw calls: glibc's wrappers would signal "all threads", which are the parent's.
  child->stage = CL_STAGE_GROUPS;
  if (request->changes_groups && syscall(SYS_setgroups, request->group_count, request->groups)) goto failed;
  if (request->changes_group && syscall(SYS_setresgid, request->group, request->group, request->group)) goto failed;
  child->stage = CL_STAGE_USER;
  if (request->changes_user && syscall(SYS_setresuid, request->user, request->user, request->user)) goto failed;
  if (request->mask >= 0) syscall(SYS_umask, request->mask);
  // As the user: only they may be let into it, on a network file system.
  child->stage = CL_STAGE_DIRECTORY;
  if (request->directory && enter_directory(request)) goto failed;
  reset_signals(request->ignores_broken_pipes);
  child->stage = CL_STAGE_EXEC;
  execve(request->path, request->arguments, request->environment);
failed:
  child->error = errno;
  syscall(SYS_exit_group, 127);
  __builtin_unreachable();
}

int cl_spawn(const struct cl_spawn_request *request, struct cl_spawn_result *result) {
  int channel[2] = {-1, -1};
  *result = (struct cl_spawn_result){.pid = -1, .pidfd = -1, .listener = -1, .stage = CL_STAGE_CLONE};
  if (request->traps && socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, channel)) return -errno;
  struct child child = {.request = request, .channel = channel[1]};
  int pidfd = -1, error = 0;
  long pid = run_in_child(CLONE_CLEAR_SIGHAND, request->cgroup, SIGCHLD, &pidfd, become_service, &child);
  if (pid < 0) {
    error = (int)-pid;
  } else if (child.error) {
    error = child.error;
    result->stage = child.stage;
    result->detail = child.detail;
    reap(pidfd);
  } else {
    // The child has sent it before it ran exec, so this doesn't wait.
    if (request->traps && (result->listener = cl_receive_descriptor(channel[0])) < 0) {
      error = -result->listener;
      result->listener = -1;
      result->stage = CL_STAGE_FILTER;
      cl_pidfd_send_signal(pidfd, SIGKILL);
      reap(pidfd);
    } else {
      result->pid = (int)pid;
      result->pidfd = pidfd;
    }
  }
  if (channel[0] >= 0) {
    close(channel[0]);
    close(channel[1]);
  }
  return -error;
}

// MARK: epoll registration under a foreign number

struct registration {
  int epoll, socket, number;
  struct epoll_event event;
  volatile int error;
};

static NO_SANITIZER __attribute__((noreturn)) void register_socket(void *argument) {
  struct registration *r = argument;
  // The child has a descriptor table of its own, so the number is free to be taken.
  int epoll = r->epoll == r->number ? dup(r->epoll) : r->epoll;
  if (epoll < 0 || (r->socket != r->number && dup2(r->socket, r->number) < 0) ||
      epoll_ctl(epoll, EPOLL_CTL_ADD, r->number, &r->event))
    r->error = errno;
  syscall(SYS_exit_group, 0);
  __builtin_unreachable();
}

int cl_epoll_add_as(int epoll, int socket, int number, uint32_t events, uint64_t data) {
  struct registration r = {epoll, socket, number, {.events = events, .data.u64 = data}, 0};
  int result = cl_run_and_reap(0, register_socket, &r);
  return result < 0 ? result : -r.error;
}

// MARK: RCU barrier

// Not VFORK: this child runs beside us, on its own stack. It must not touch errno, which is ours: hence raw instructions.
static NO_SANITIZER inline long raw_call(long number, long a, long b, long c, long d) {
  long result;
  register long r10 __asm__("r10") = d;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
  return result;
}

// 0: a grace period has passed. 1: a fixed time instead, as nohz_full refuses membarrier: a SYN is handled within
// microseconds in a softirq, and half a second is the margin.
static NO_SANITIZER int grace_period(void) {
  if (raw_call(SYS_membarrier, 1 /* MEMBARRIER_CMD_GLOBAL */, 0, 0, 0) >= 0) return 0;
  struct timespec half = {0, 500000000};
  raw_call(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, (long)&half, 0);
  return 1;
}

void cl_barrier_wait(void) { grace_period(); }

static NO_SANITIZER __attribute__((noreturn)) void wait_for_grace_period(void *argument) {
  (void)argument;
  raw_call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0);
  raw_call(SYS_exit, grace_period(), 0, 0, 0);
  __builtin_unreachable();
}

// A child beside us, in our memory and our table of descriptors. Returns its pidfd.
static int start_helper(void *stack, int *child, void (*function)(void *), void *argument) {
  int pidfd = -1;
  struct clone_args arguments = {
      .flags = CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_PIDFD,
      .pidfd = (uint64_t)(uintptr_t)&pidfd,
      .exit_signal = 0,  // no SIGCHLD, and waitpid(-1) without __WCLONE passes it over
      .stack = (uint64_t)(uintptr_t)stack,
      .stack_size = STACK_BYTES,
  };
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  long pid = cl_clone3(&arguments, sizeof arguments, function, argument);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (pid < 0) {
    munmap(stack, STACK_BYTES);
    return (int)pid;
  }
  *child = (int)pid;
  return pidfd;
}

int cl_barrier_start(void **stack, int *child) {
  if (!(*stack = new_stack())) return -errno;
  return start_helper(*stack, child, wait_for_grace_period, NULL);
}

// MARK: closing

struct closing {
  int parent, count;
  volatile int begun;  // how many close() has been called for
  int numbers[CL_CLOSE_MAX];
};

static NO_SANITIZER __attribute__((noreturn)) void close_numbers(void *argument) {
  struct closing *closing = argument;
  // It holds our table: were it left behind, our sockets would stay open.
  raw_call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0);
  if (raw_call(SYS_getppid, 0, 0, 0, 0) == closing->parent)
    while (closing->begun < closing->count) {
      int number = closing->numbers[closing->begun];
      // Before the call: it frees the number first and waits then.
      closing->begun++;
      raw_call(SYS_close, number, 0, 0, 0);
    }
  raw_call(SYS_exit, 0, 0, 0, 0);
  __builtin_unreachable();
}

int cl_close_start(const int *numbers, int count, void **stack, int *child) {
  if (count < 1 || count > CL_CLOSE_MAX) return -EINVAL;
  if (!(*stack = new_stack())) return -errno;
  // At the stack's far end, which the child's few frames don't reach.
  struct closing *closing = *stack;
  closing->parent = getpid();
  closing->count = count;
  closing->begun = 0;
  memcpy(closing->numbers, numbers, (size_t)count * sizeof *numbers);
  return start_helper(*stack, child, close_numbers, closing);
}

int cl_close_begun(const void *stack) { return ((const struct closing *)stack)->begun; }

// MARK: trimming

struct trimming {
  int parent, file;
  int64_t length;
};

static NO_SANITIZER __attribute__((noreturn)) void trim_file(void *argument) {
  struct trimming *trimming = argument;
  raw_call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0);
  int end = 2;
  if (raw_call(SYS_getppid, 0, 0, 0, 0) == trimming->parent) {
    // Both take the inode's lock, so that whoever appends does so before or after, at the end that the file has then. Not every
    // file system can move what follows.
    if (!raw_call(SYS_fallocate, trimming->file, FALLOC_FL_COLLAPSE_RANGE, 0, trimming->length)) end = 0;
    else if (!raw_call(SYS_fallocate, trimming->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, trimming->length)) end = 1;
  }
  raw_call(SYS_exit, end, 0, 0, 0);
  __builtin_unreachable();
}

int cl_trim_start(int file, int64_t length, void **stack, int *child) {
  if (!(*stack = new_stack())) return -errno;
  struct trimming *trimming = *stack;
  *trimming = (struct trimming){getpid(), file, length};
  return start_helper(*stack, child, trim_file, trimming);
}

// MARK: the end of a helper

void cl_helpers_end(int milliseconds) {
  for (int left = milliseconds; left >= 0; left--) {
    int pid;
    do pid = waitpid(-1, NULL, __WCLONE | WNOHANG);
    while (pid > 0 || (pid < 0 && errno == EINTR));
    if (pid < 0) return;
    usleep(1000);
  }
}

int cl_helper_finish(int pidfd, void *stack) {
  siginfo_t information = {0};
  int result;
  while ((result = waitid(P_PIDFD, (id_t)pidfd, &information, WEXITED | __WALL)) < 0 && errno == EINTR) {}
  if (result < 0) result = -errno;
  else if (information.si_code != CLD_EXITED) result = -ECANCELED;  // killed: nothing was waited for
  else result = information.si_status;
  munmap(stack, STACK_BYTES);
  return result;
}
