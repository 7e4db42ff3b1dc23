// Attacks by what the kernel does for whoever holds a duplicate of our files: closing that waits, other namespaces, datagrams
// with descriptors in them.
#define _GNU_SOURCE 1
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/// A connection whose peer never reads, with a lot unsent, whose last close() waits for an hour.
static int lingering_socket(void) {
  int listener = tcp_socket(), connection = tcp_socket();
  struct sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 8)) fail("listen");
  getsockname(listener, (struct sockaddr *)&address, &length);
  if (connect(connection, (struct sockaddr *)&address, sizeof address)) fail("connect");
  // The peer stays open and unread.
  if (accept(listener, NULL, NULL) < 0) fail("accept");
  fcntl(connection, F_SETFL, O_NONBLOCK);
  static char bytes[65536];
  while (write(connection, bytes, sizeof bytes) > 0) {}
  struct linger hour = {.l_onoff = 1, .l_linger = 3600};
  setsockopt(connection, SOL_SOCKET, SO_LINGER, &hour, sizeof hour);
  close(listener);
  return connection;
}

unsigned attack_linger(const struct targets *targets) {
  struct sockaddr_in address = loopback(targets->held);
  unsigned calls = 0;
  for (; calls < 8; calls++) {
    // If ours is replaced by the held socket, whoever still has a duplicate closes it last.
    int socket = lingering_socket();
    bind(socket, (struct sockaddr *)&address, sizeof address);
    check_bound(socket, targets);
  }
  return calls;
}

unsigned attack_namespace(const struct targets *targets) {
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (!child) {
    if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET)) _exit(2);
    struct sockaddr_in address = loopback(targets->held);
    address.sin_addr.s_addr = htonl(INADDR_ANY);
    int socket = tcp_socket(), listens = 0;
    socklen_t length = sizeof listens;
    if (bind(socket, (struct sockaddr *)&address, sizeof address)) _exit(3);
    getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length);
    if (listens) violate("got a socket of a network that it is cut off from");
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  if (!WIFEXITED(status)) violate("the child was killed");
  if (WEXITSTATUS(status) == 2) fail("unshare");
  if (WEXITSTATUS(status)) exit(WEXITSTATUS(status));
  return 1;
}

// MARK: a file system that never answers

static char unanswered[4096];

static void *unlink_below(void *unused) {
  (void)unused;
  unlink(unanswered);
  return NULL;
}

static void *connect_below(void *unused) {
  (void)unused;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, unanswered, sizeof address.sun_path - 1);
  connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address);
  return NULL;
}

static void *bind_below(void *unused) {
  (void)unused;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, unanswered, sizeof address.sun_path - 1);
  bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address);
  return NULL;
}

unsigned attack_filesystem(const struct targets *targets) {
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (!child) {
    // Whoever looks a name up in it waits for us, and we don't answer.
    int device = open("/dev/fuse", O_RDWR);
    char directory[] = "/tmp/hostile.XXXXXX", options[128];
    if (device < 0 || !mkdtemp(directory)) _exit(2);
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=%d,group_id=%d", device, getuid(), getgid());
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("unanswered", directory, "fuse", 0, options))
      _exit(2);
    const char *base = strrchr(targets->path, '/');
    snprintf(unanswered, sizeof unanswered, "%s/below%s", directory, base);
    start_thread(unlink_below, NULL);
    start_thread(connect_below, NULL);
    start_thread(bind_below, NULL);
    usleep(500000);
    umount2(directory, MNT_DETACH);
    rmdir(directory);
    while (1) pause();
  }
  // It stays as it is for as long as we live.
  usleep(300000);
  return 3;
}

// MARK: notifications

static int notify_socket;
static struct sockaddr_un notify_address;
static socklen_t notify_length;

static void notify(const void *bytes, size_t count, int descriptor) {
  struct iovec vector = {(void *)bytes, count};
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control;
  memset(&control, 0, sizeof control);
  struct msghdr message = {.msg_name = &notify_address, .msg_namelen = notify_length, .msg_iov = &vector, .msg_iovlen = 1};
  if (descriptor >= 0) {
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  }
  sendmsg(notify_socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/// Where the message isn't taken, the last reference is ours, and the wait.
static void *close_one(void *number) {
  close((int)(intptr_t)number);
  return NULL;
}

static void open_notify_socket(void) {
  const char *name = getenv("NOTIFY_SOCKET");
  if (!name || name[0] != '@') fail("NOTIFY_SOCKET");
  notify_address.sun_family = AF_UNIX;
  strncpy(notify_address.sun_path + 1, name + 1, sizeof notify_address.sun_path - 2);
  notify_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
  notify_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

unsigned attack_notify(const struct targets *targets) {
  (void)targets;
  open_notify_socket();
  static char bytes[150000];
  int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
  unsigned calls = 0;
  for (; elapsed() < 0.8; calls++) {
    size_t length = (size_t)(rand() % 5000);
    for (size_t i = 0; i < length; i++) bytes[i] = (char)rand();
    notify(bytes, length, -1);
    if (calls % 16 == 0) {
      // Cut after 4 KiB, so that nobody can know what the rest says.
      memset(bytes, '\n', sizeof bytes);
      memcpy(bytes, "READY=1\n", 8);
      notify(bytes, sizeof bytes, -1);
    }
    if (calls % 32 == 0) notify("X=1", 3, file);
    if (calls % 4096 == 0) {
      // The message has the last reference.
      int lingering = lingering_socket();
      notify("X=1", 3, lingering);
      start_thread(close_one, (void *)(intptr_t)lingering);
    }
    notify("", 0, -1);
  }
  // It waits until there is room.
  if (sendto(notify_socket, "READY=1", 7, 0, (struct sockaddr *)&notify_address, notify_length) != 7) fail("sendto");
  return calls;
}

// What is well-formed, and says what isn't so.
unsigned attack_words(const struct targets *targets) {
  (void)targets;
  open_notify_socket();
  static const char *const words[] = {
      "MAINPID=1", "MAINPID=2", "MAINPID=0", "MAINPID=-1", "MAINPID=4294967297", "MAINPID=99999999999999999999",
      "WATCHDOG_USEC=0", "WATCHDOG_USEC=99999999999999999999", "EXTEND_TIMEOUT_USEC=18446744073709551615", "ERRNO=4294967295",
      "STATUS=\033[2J\033]0;title\007\r\x9b", "STATUS=\xff\xfe\xe2\x80\xae", "STATUS=", "X-BUSY=1\nX-IDLE=1", "=", "=1",
      "WATCHDOG=1\nWATCHDOG=1", "RELOADING=1", "FDSTORE=1\nFDNAME=../../x", "BARRIER=1",
  };
  char text[64];
  int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
  unsigned calls = 0;
  for (; elapsed() < 0.8; calls++) {
    const char *word = words[calls % (sizeof words / sizeof *words)];
    notify(word, strlen(word), calls % 64 ? -1 : file);
    // Whoever started us, and strangers one after another.
    snprintf(text, sizeof text, "MAINPID=%u", calls % 2 ? (unsigned)getppid() : 2 + calls % 30000);
    notify(text, strlen(text), -1);
  }
  const char ready[] = "STATUS=on duty\nX-IDLE=1\nREADY=1";
  if (sendto(notify_socket, ready, sizeof ready - 1, 0, (struct sockaddr *)&notify_address, notify_length) < 0) fail("sendto");
  return calls;
}
