// Runs a command where no seccomp listener can be had, as in some containers: confined refuse|busy COMMAND...
//
//   refuse  a filter denies the system call with EPERM, as a container's profile does
//   busy    there is a listener already, as where the container's manager answers calls itself: the kernel says EBUSY
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static long install(unsigned flags, struct sock_filter *program, unsigned short count) {
  struct sock_fprog description = {count, program};
  long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &description);
  if (result >= 0 || errno != EACCES) return result;
  // An ordinary user.
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -1;
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &description);
}

static long refuse(void) {
  struct sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_seccomp, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SECCOMP_FILTER_FLAG_NEW_LISTENER, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  return install(0, program, sizeof program / sizeof *program);
}

static long be_busy(void) {
  struct sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      // A call that nobody makes.
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_uselib, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  long listener = install(SECCOMP_FILTER_FLAG_NEW_LISTENER, program, sizeof program / sizeof *program);
  // It stays open in the command, else the kernel would forget it.
  return listener < 0 ? listener : fcntl((int)listener, F_DUPFD, 900);
}

int main(int count, char **arguments) {
  int is_busy = count > 2 && !strcmp(arguments[1], "busy");
  if (count < 3 || (!is_busy && strcmp(arguments[1], "refuse"))) {
    fprintf(stderr, "usage: confined refuse|busy COMMAND...\n");
    return 2;
  }
  if ((is_busy ? be_busy() : refuse()) < 0) {
    perror("confined: seccomp");
    return 1;
  }
  execvp(arguments[2], arguments + 2);
  perror(arguments[2]);
  return 127;
}
