// Runs a command where something of the kernel can't be had, as in some containers: confined refuse|busy|blind COMMAND...
//
//   refuse  no seccomp listener: a filter denies the system call with EPERM, as a container's profile does
//   busy    no seccomp listener: there is one already, as where the container's manager answers calls itself: EBUSY
//   blind   no sock_diag(7): a filter denies its sockets with EPERM
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
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

static long be_blind(void) {
  struct sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, 5),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NETLINK_SOCK_DIAG, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  return install(0, program, sizeof program / sizeof *program);
}

static const struct {
  const char *name;
  long (*become)(void);
} modes[] = {{"refuse", refuse}, {"busy", be_busy}, {"blind", be_blind}};

int main(int count, char **arguments) {
  long (*become)(void) = NULL;
  for (size_t i = 0; count > 2 && i < sizeof modes / sizeof *modes; i++)
    if (!strcmp(arguments[1], modes[i].name)) become = modes[i].become;
  if (!become) {
    fprintf(stderr, "usage: confined refuse|busy|blind COMMAND...\n");
    return 2;
  }
  if (become() < 0) {
    perror("confined: seccomp");
    return 1;
  }
  execvp(arguments[2], arguments + 2);
  perror(arguments[2]);
  return 127;
}
