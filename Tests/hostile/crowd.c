// Attacks by number: threads, processes, descriptors.
#define _GNU_SOURCE 1
#include "hostile.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct targets *aim;
static unsigned bound;
static volatile int is_over;

static void *bind_on_and_on(void *unused) {
  (void)unused;
  struct sockaddr_in address = loopback(aim->held);
  while (!is_over) {
    int socket = tcp_socket();
    if (socket < 0) continue;
    if (!bind(socket, (struct sockaddr *)&address, sizeof address)) {
      check_bound(socket, aim);
      __atomic_add_fetch(&bound, 1, __ATOMIC_RELAXED);
    }
    close(socket);
  }
  return NULL;
}

unsigned attack_threads(const struct targets *targets) {
  aim = targets;
  for (int i = 0; i < 100; i++) start_thread(bind_on_and_on, NULL);
  while (elapsed() < 1) usleep(10000);
  is_over = 1;
  usleep(200000);
  return bound;
}

unsigned attack_flood(const struct targets *targets) {
  // It never ends: four threads go on while we serve.
  aim = targets;
  for (int i = 0; i < 4; i++) start_thread(bind_on_and_on, NULL);
  usleep(200000);
  return bound;
}

static void bind_once(const struct targets *targets) {
  struct sockaddr_in address = loopback(targets->held);
  int socket = tcp_socket();
  if (socket >= 0 && !bind(socket, (struct sockaddr *)&address, sizeof address)) check_bound(socket, targets);
  close(socket);
}

/// Waits for one child. One that has seen a violation ends us, too.
static void wait_for_one(void) {
  int status;
  if (wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == VIOLATION) _exit(VIOLATION);
}

unsigned attack_forks(const struct targets *targets) {
  unsigned alive = 0, calls = 0;
  for (; calls < 2000; calls++) {
    if (alive >= 100) wait_for_one(), alive--;
    pid_t child = fork();
    if (child < 0) continue;
    if (!child) {
      bind_once(targets);
      _exit(0);
    }
    alive++;
  }
  for (; alive; alive--) wait_for_one();
  return calls;
}

unsigned attack_die(const struct targets *targets) {
  unsigned calls = 0;
  for (; calls < 400; calls++) {
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (!child)
      while (1) bind_once(targets);
    // Anywhere from before its first bind() to in the middle of its third.
    usleep((useconds_t)(rand() % 4000));
    kill(child, SIGKILL);
    wait_for_one();
  }
  return calls;
}

unsigned attack_exec(const struct targets *targets) {
  aim = targets;
  unsigned calls = 0;
  for (; calls < 150; calls++) {
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (!child) {
      for (int i = 0; i < 3; i++) start_thread(bind_on_and_on, NULL);
      usleep((useconds_t)(rand() % 8000));
      execl("/bin/true", "true", (char *)NULL);
      _exit(1);
    }
    wait_for_one();
  }
  return calls;
}

unsigned attack_crowd(const struct targets *targets) {
  // Thousands that live until we are told to end, and that have to be told by somebody else.
  unsigned calls = 0;
  for (; calls < 2000; calls++) {
    pid_t child = fork();
    if (child < 0) break;
    if (!child) {
      signal(SIGTERM, SIG_DFL);
      bind_once(targets);
      while (1) pause();
    }
  }
  return calls;
}

unsigned attack_explode(const struct targets *targets) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  int socket = tcp_socket();
  enum { copies = 2000, epolls = 200 };
  static int copy[copies];
  for (int i = 0; i < copies; i++)
    if ((copy[i] = dup(socket)) < 0) fail("dup");
  for (int i = 0; i < epolls; i++) {
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) fail("epoll_create1");
    struct epoll_event event = {.events = EPOLLIN};
    for (int n = 0; n < copies; n += 4) epoll_ctl(epoll, EPOLL_CTL_ADD, copy[n], &event);
  }
  struct sockaddr_in address = loopback(targets->held);
  if (bind(socket, (struct sockaddr *)&address, sizeof address)) fail("bind");
  check_bound(socket, targets);
  for (int n = 0; n < copies; n++) close(copy[n]);
  return copies * epolls;
}
