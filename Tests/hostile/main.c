// hostile ATTACK HELD OTHER FOREIGN [PATH]: attacks for a second or two, then serves the held address as if nothing had been.
#define _GNU_SOURCE 1
#include "hostile.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

const struct attack attacks[] = {
    {"race", attack_race},           {"lengths", attack_lengths},     {"pointers", attack_pointers},
    {"descriptors", attack_descriptors}, {"threads", attack_threads}, {"flood", attack_flood},
    {"forks", attack_forks},         {"die", attack_die},             {"exec", attack_exec},
    {"crowd", attack_crowd},         {"linger", attack_linger},       {"explode", attack_explode},
    {"connected", attack_connected}, {"namespace", attack_namespace}, {"notify", attack_notify},
    {"filesystem", attack_filesystem}, {"packets", attack_packets},   {"connections", attack_connections},
    {"stranger", attack_stranger},   {"words", attack_words},
    {NULL, NULL},
};

void fail(const char *what) {
  fprintf(stderr, "hostile: %s: %s\n", what, strerror(errno));
  exit(1);
}

void violate(const char *what) {
  fprintf(stderr, "hostile: VIOLATION: %s\n", what);
  _exit(VIOLATION);
}

double elapsed(void) {
  static struct timespec start;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (!start.tv_sec) start = now;
  return (double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) / 1e9;
}

void start_thread(void *(*body)(void *), void *argument) {
  pthread_t thread;
  int error = pthread_create(&thread, NULL, body, argument);
  if (error) errno = error, fail("pthread_create");
  pthread_detach(thread);
}

struct sockaddr_in loopback(uint16_t port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int tcp_socket(void) {
  int on = 1, made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (made >= 0) setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return made;
}

int check_bound(int bound, const struct targets *targets) {
  struct sockaddr_in name = {0};
  socklen_t length = sizeof name;
  if (getsockname(bound, (struct sockaddr *)&name, &length)) return 0;
  uint16_t port = ntohs(name.sin_port);
  if (targets->foreign && port == targets->foreign) violate("got the socket of another service");
  int listens = 0;
  length = sizeof listens;
  getsockopt(bound, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length);
  if (port == targets->held && !listens) violate("bound the held address by itself");
  if (port != targets->held && listens) violate("got a listening socket of another address");
  return port == targets->held;
}

static void *converse(void *argument) {
  int connection = (int)(intptr_t)argument;
  char byte;
  while (read(connection, &byte, 1) == 1)
    if (byte == '\n' && write(connection, "+PONG\r\n", 7) != 7) break;
  close(connection);
  return NULL;
}

static void listen_at(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 64)) fail(path);
}

static void serve(const struct targets *targets) {
  if (targets->path) listen_at(targets->path);
  int listener = tcp_socket();
  if (listener < 0) fail("socket");
  struct sockaddr_in address = loopback(targets->held);
  if (bind(listener, (struct sockaddr *)&address, sizeof address)) fail("bind");
  if (!check_bound(listener, targets)) violate("did not get the held socket");
  if (listen(listener, 64)) fail("listen");
  while (1) {
    struct pollfd waited = {listener, POLLIN, 0};
    poll(&waited, 1, -1);
    int connection = accept(listener, NULL, NULL);
    if (connection >= 0) start_thread(converse, (void *)(intptr_t)connection);
  }
}

static void end(int signal) {
  (void)signal;
  _exit(0);
}

int main(int count, char **arguments) {
  if (count != 5 && count != 6) {
    fprintf(stderr, "usage: hostile ATTACK HELD OTHER FOREIGN [PATH] (three ports, and a path)\n");
    return 2;
  }
  signal(SIGTERM, end);
  signal(SIGPIPE, SIG_IGN);
  struct targets targets = {(uint16_t)atoi(arguments[2]), (uint16_t)atoi(arguments[3]), (uint16_t)atoi(arguments[4]),
                            count == 6 ? arguments[5] : NULL};
  elapsed();
  for (const struct attack *attack = attacks; attack->name; attack++) {
    if (strcmp(attack->name, arguments[1])) continue;
    unsigned calls = attack->run(&targets);
    fprintf(stderr, "hostile: %s: %u calls in %.2f s\n", attack->name, calls, elapsed());
    serve(&targets);
  }
  fprintf(stderr, "hostile: no attack is called %s\n", arguments[1]);
  return 2;
}
