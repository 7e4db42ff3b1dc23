// Attacks on whoever answers the preloaded library (Sources/shim), by the same socket and with its secret.
#define _GNU_SOURCE 1
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../Sources/shim/protocol.h"

#define FILES_MAX 253

static struct sockaddr_un manager = {.sun_family = AF_UNIX};
static socklen_t manager_length;
static uint8_t token[SHIM_TOKEN_BYTES];

// "TOKEN:FLAGS:USER:NAME"
static void learn(const char *text) {
  if (!text || strlen(text) < 36) violate("no library was preloaded");
  for (int i = 0; i < SHIM_TOKEN_BYTES; i++) {
    unsigned byte = 0;
    sscanf(text + 2 * i, "%2x", &byte);
    token[i] = (uint8_t)byte;
  }
  const char *name = strrchr(text, ':') + 1;
  memcpy(manager.sun_path + 1, name, strlen(name));
  manager_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}

static int connect_to_manager(void) {
  int connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (connection < 0) return -1;
  const struct timeval limit = {.tv_sec = 2};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (!connect(connection, (struct sockaddr *)&manager, manager_length)) return connection;
  close(connection);
  return -1;
}

static void send_packet(int connection, const void *bytes, size_t count, const int *files, int file_count) {
  struct iovec vector = {(void *)bytes, count};
  union {
    char bytes[CMSG_SPACE(sizeof(int) * FILES_MAX)];
    struct cmsghdr align;
  } control = {0};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
  if (file_count) {
    control.align.cmsg_level = SOL_SOCKET;
    control.align.cmsg_type = SCM_RIGHTS;
    control.align.cmsg_len = CMSG_LEN(sizeof(int) * (size_t)file_count);
    memcpy(CMSG_DATA(&control.align), files, sizeof(int) * (size_t)file_count);
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)file_count);
  }
  sendmsg(connection, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// What bind() would return; -2 without an answer. `got`: the socket that came with it, or -1.
static int receive(int connection, int *got) {
  struct shim_answer answer;
  struct iovec vector = {&answer, sizeof answer};
  union {
    char bytes[CMSG_SPACE(sizeof(int) * SHIM_PLACES_MAX)];
    struct cmsghdr align;
  } control;
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  *got = -1;
  ssize_t count = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
  if (count < 0 && errno == EAGAIN) violate("nobody answers");
  if (count <= 0) return -2;
  if (message.msg_controllen) memcpy(got, CMSG_DATA(&control.align), sizeof *got);
  return answer.error;
}

static struct shim_request request(uint32_t call, uint32_t address_length) {
  struct shim_request made = {.version = SHIM_VERSION, .call = call, .number = 3, .address_length = address_length};
  memcpy(made.token, token, sizeof token);
  return made;
}

struct bind_question {
  struct shim_request head;
  struct sockaddr_in address;
} __attribute__((packed));

static struct bind_question bind_question(uint16_t port) {
  return (struct bind_question){request(SHIM_BIND, sizeof(struct sockaddr_in)), loopback(port)};
}

static int ask(const void *bytes, size_t count, const int *files, int file_count, int *got) {
  int connection = connect_to_manager();
  if (connection < 0) return -2;
  send_packet(connection, bytes, count, files, file_count);
  int result = receive(connection, got);
  close(connection);
  return result;
}

// It must get nothing.
static void ask_in_vain(const void *bytes, size_t count, const int *files, int file_count, const char *what) {
  int got, result = ask(bytes, count, files, file_count, &got);
  if (got >= 0 || result >= 0) violate(what);
}

static void ask_rightly(const struct targets *targets) {
  struct bind_question question = bind_question(targets->held);
  int made = tcp_socket(), got;
  if (ask(&question, sizeof question, &made, 1, &got) || got < 0) violate("the held socket isn't given");
  if (!check_bound(got, targets)) violate("another socket is given");
  close(got);
  close(made);
}

unsigned attack_packets(const struct targets *targets) {
  learn(getenv("TORPOR_SHIM"));
  unsigned calls = 0;
  int files[FILES_MAX], pipes[2], made = tcp_socket();
  if (pipe(pipes)) fail("pipe");
  for (int i = 0; i < FILES_MAX; i++) files[i] = i % 3 ? dup(pipes[i & 1]) : epoll_create1(0);
  static char noise[8192];
  for (size_t i = 0; i < sizeof noise; i++) noise[i] = (char)rand();
  for (size_t length = 0; length < sizeof noise; length += 1 + length / 7, calls++) {
    ask_in_vain(noise, length, NULL, 0, "noise was answered");
    // As long as the secret is right…
    memcpy(noise, token, sizeof token);
    ask_in_vain(noise, length, files, (int)(length % FILES_MAX), "noise with the secret was answered");
    noise[0] ^= 1;
  }
  struct bind_question right = bind_question(targets->held), wrong = right;
  wrong.head.token[15] ^= 1;
  ask_in_vain(&wrong, sizeof wrong, &made, 1, "a wrong secret was taken");
  wrong = right, wrong.head.version++;
  ask_in_vain(&wrong, sizeof wrong, &made, 1, "another version was taken");
  const uint32_t lengths[] = {0, 1, 15, 17, 129, 4096, 0x7fffffff, 0x80000000, 0xffffffff};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++, calls++) {
    wrong = right, wrong.head.address_length = lengths[i];
    ask_in_vain(&wrong, sizeof wrong, &made, 1, "an address of a wrong length was taken");
  }
  for (uint32_t call = 0; call < 9; call++, calls++) {
    if (call == SHIM_BIND) continue;
    wrong = right, wrong.head.call = call;
    ask_in_vain(&wrong, sizeof wrong, &made, 1, "a socket was given for another call");
    ask_in_vain(&wrong, sizeof wrong, NULL, 0, "a socket was given for no socket");
  }
  wrong = right, wrong.head.has_directory = 1;
  ask_in_vain(&wrong, sizeof wrong, &made, 1, "a directory that isn't there was taken");
  ask_in_vain(&right, sizeof right, NULL, 0, "a socket was given for none");
  ask_in_vain(&right, sizeof right, files, FILES_MAX, "a socket was given for many files");
  // Files of other kinds, sockets of other kinds, and one that has an address.
  const int others[] = {pipes[0], files[0], open("/proc/self/mem", O_RDONLY), open("/", O_PATH),
                        socket(AF_INET, SOCK_DGRAM, 0), socket(AF_UNIX, SOCK_STREAM, 0), tcp_socket()};
  const int count = sizeof others / sizeof *others;
  struct sockaddr_in any = loopback(0);
  if (bind(others[count - 1], (struct sockaddr *)&any, sizeof any)) fail("bind");
  for (int i = 0; i < count; i++, calls++) ask_in_vain(&right, sizeof right, &others[i], 1, "a socket was given for another file");
  if (targets->foreign) {
    wrong = bind_question(targets->foreign);
    ask_in_vain(&wrong, sizeof wrong, &made, 1, "another service's socket was given");
  }
  ask_rightly(targets);
  for (int i = 0; i < FILES_MAX; i++) close(files[i]);
  for (int i = 0; i < count; i++) close(others[i]);
  return calls;
}

// MARK: connections

static const struct targets *aim;
static volatile int is_over;
static unsigned asked;

static void *ask_on_and_on(void *unused) {
  (void)unused;
  while (!is_over) {
    struct bind_question question = bind_question(aim->held);
    int connection = connect_to_manager(), made = tcp_socket();
    if (connection >= 0) send_packet(connection, &question, sizeof question, &made, 1);
    // Every third goes without an answer, every other one asks twice.
    unsigned number = __atomic_add_fetch(&asked, 1, __ATOMIC_RELAXED);
    if (connection >= 0 && number % 2) send_packet(connection, &question, sizeof question, &made, 1);
    int got = -1;
    if (connection >= 0 && number % 3) receive(connection, &got);
    if (got >= 0) {
      check_bound(got, aim);
      close(got);
    }
    close(connection);
    close(made);
  }
  return NULL;
}

unsigned attack_connections(const struct targets *targets) {
  learn(getenv("TORPOR_SHIM"));
  aim = targets;
  // More than are listened to at once, and none says a word.
  int silent[100];
  for (int i = 0; i < 100; i++) silent[i] = connect_to_manager();
  usleep(200000);
  for (int i = 0; i < 100; i++) close(silent[i]);
  ask_rightly(targets);
  // Killed in the middle.
  for (int i = 0; i < 200; i++) {
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (!child) {
      struct bind_question question = bind_question(targets->held);
      int connection = connect_to_manager(), made = tcp_socket();
      send_packet(connection, &question, sizeof question, &made, 1);
      _exit(0);
    }
  }
  while (wait(NULL) > 0) {}
  for (int i = 0; i < 20; i++) start_thread(ask_on_and_on, NULL);
  usleep(800000);
  is_over = 1;
  usleep(300000);
  ask_rightly(targets);
  return asked;
}

// Not an attack of a service's: whoever has read its secret and isn't one of its processes. `path`: its environment.
unsigned attack_stranger(const struct targets *targets) {
  static char environment[65536];
  int file = open(targets->path ? targets->path : "", O_RDONLY);
  ssize_t length = read(file, environment, sizeof environment - 1);
  if (length <= 0) fail("its environment");
  for (char *at = environment; at < environment + length; at += strlen(at) + 1)
    if (!strncmp(at, "TORPOR_SHIM=", 12)) learn(at + 12);
  if (!manager_length) violate("no library was preloaded");
  struct bind_question question = bind_question(targets->held);
  int made = tcp_socket();
  for (int i = 0; i < 300; i++) ask_in_vain(&question, sizeof question, &made, 1, "a stranger was given a socket");
  exit(0);
}
