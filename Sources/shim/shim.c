// Preloaded into a service whose bind() can't be trapped by seccomp: asks the manager at each call that it would have trapped.
//
// The calls that it stands for may be made in a signal handler, by any thread, after fork, with no descriptor left. So it
// keeps no state after its start, allocates nothing, takes no lock, and whatever goes wrong, the kernel carries the call out
// as it was made.
#define _GNU_SOURCE 1
#include "calls.h"
#include "places.h"
#include "protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define EXPORTED __attribute__((visibility("default")))

// MARK: what it was told when it was started

static struct {
  int is_on;
  uint8_t token[SHIM_TOKEN_BYTES];
  struct sockaddr_un manager;
  socklen_t manager_length;
  uint32_t manager_user;
  int asks_paths, asks_messages;
} settings;

// What others may have put in front of the C library is called as well, and calls that can be cancelled stay so.
static int (*next_connect)(int, const struct sockaddr *, socklen_t);
static ssize_t (*next_sendmsg)(int, const struct msghdr *, int);
static int (*next_remove)(const char *);

extern char **environ __attribute__((weak));
extern void *dlsym(void *, const char *) __attribute__((weak));
extern const char *gnu_get_libc_version(void) __attribute__((weak));

static int hexadecimal(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

// "TOKEN:FLAGS:USER:NAME": 32 digits; p when paths or abstract names are held, m when READY=1 is waited for; the manager's user; the name of its
// abstract socket.
static void parse(const char *text) {
  for (int i = 0; i < SHIM_TOKEN_BYTES; i++, text += 2) {
    int high = hexadecimal(text[0]), low = high < 0 ? -1 : hexadecimal(text[1]);
    if (low < 0) return;
    settings.token[i] = (uint8_t)(high << 4 | low);
  }
  if (*text++ != ':') return;
  for (; *text && *text != ':'; text++) {
    settings.asks_paths |= *text == 'p';
    settings.asks_messages |= *text == 'm';
  }
  if (*text++ != ':') return;
  for (; *text >= '0' && *text <= '9'; text++) settings.manager_user = settings.manager_user * 10 + (uint32_t)(*text - '0');
  if (*text++ != ':') return;
  size_t length = 0;
  settings.manager.sun_family = AF_UNIX;
  for (; text[length]; length++) {
    if (length + 1 == sizeof settings.manager.sun_path) return;
    settings.manager.sun_path[1 + length] = text[length];
  }
  settings.manager_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
  settings.is_on = length > 0;
}

// The environment is read now: later a server may have written its title over it.
__attribute__((constructor)) static void begin(int count, char **arguments, char **variables) {
  (void)count, (void)arguments;
  // musl tells a library nothing; glibc may not have set `environ` yet.
  if (!gnu_get_libc_version) variables = &environ ? environ : NULL;
  static const char name[] = "TORPOR_SHIM=";
  for (; variables && *variables; variables++) {
    size_t i = 0;
    while (name[i] && (*variables)[i] == name[i]) i++;
    if (!name[i]) {
      parse(*variables + i);
      break;
    }
  }
  if (!dlsym) return;
  void *const next = (void *)-1L;  // RTLD_NEXT
  *(void **)&next_connect = dlsym(next, "connect");
  *(void **)&next_sendmsg = dlsym(next, "sendmsg");
  *(void **)&next_remove = dlsym(next, "remove");
}

// MARK: memory that may not be there

// The kernel says EFAULT where a library would crash. Eight bytes at a time: rt_sigprocmask reads its argument before it says
// EINVAL to an unknown operation.
static int is_readable(const void *memory, size_t length) {
  uintptr_t first = (uintptr_t)memory & ~7UL, last = ((uintptr_t)memory + length - 1) & ~7UL;
  if (!memory || last < first) return 0;
  for (uintptr_t at = first;; at += 4096) {
    if (at > last) at = last;
    if (CALL(rt_sigprocmask, -1, at, 0, 8, 0) == -EFAULT) return 0;
    if (at == last) return 1;
  }
}

union address {
  struct sockaddr_un unix_name;
  struct sockaddr_in inet;
  struct sockaddr_in6 inet6;
};

// Returns how many bytes of it say something, 0 when it is none that could be held.
static socklen_t copy_address(union address *into, const void *address, socklen_t length) {
  // Up to sockaddr_storage's 128 are taken by the kernel.
  if (length < 3 || length > 128 || !is_readable(address, length)) return 0;
  if (length > sizeof *into) length = sizeof *into;
  memset(into, 0, sizeof *into);
  memcpy(into, address, length);
  switch (into->unix_name.sun_family) {
    case AF_UNIX: return length;
    case AF_INET:
    case AF_INET6:
      if (length < sizeof into->inet || !into->inet.sin_port) return 0;
      return length < sizeof into->inet6 ? length : sizeof into->inet6;
    default: return 0;
  }
}

// MARK: one question

struct question {
  uint32_t call;
  int number;
  int directory;
  const void *address;
  socklen_t address_length;
  const char *text;
  size_t text_length;
};

static int connect_to_manager(void) {
  long connection = CALL(socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, 0, 0);
  if (connection < 0) return -1;
  long result;
  while ((result = CALL(connect, connection, &settings.manager, settings.manager_length, 0, 0)) == -EINTR) {}
  // When the manager has gone, anybody can have the name.
  struct ucred peer;
  socklen_t length = sizeof peer;
  if (!result && !CALL(getsockopt, connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) &&
      peer.uid == settings.manager_user)
    return (int)connection;
  CALL(close, connection, 0, 0, 0, 0);
  return -1;
}

union rights {
  char bytes[CMSG_SPACE(sizeof(int) * SHIM_PLACES_MAX)];
  struct cmsghdr align;
};

static int send_question(int connection, const struct question *question) {
  struct shim_request request = {.version = SHIM_VERSION, .call = question->call, .number = question->number};
  memcpy(request.token, settings.token, sizeof request.token);
  int files[2], count = 0;
  if (question->call == SHIM_BIND) files[count++] = question->number;
  if (question->directory >= 0) files[count++] = question->directory;
  request.has_directory = question->directory >= 0;
  request.address_length = question->address_length;
  struct iovec vector[3] = {{&request, sizeof request},
                            {(void *)question->address, question->address_length},
                            {(void *)question->text, question->text_length}};
  union {
    char bytes[CMSG_SPACE(sizeof files)];
    struct cmsghdr align;
  } control;
  struct msghdr message = {.msg_iov = vector, .msg_iovlen = 3};
  if (count) {
    control.align.cmsg_level = SOL_SOCKET;
    control.align.cmsg_type = SCM_RIGHTS;
    control.align.cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
    memcpy(CMSG_DATA(&control.align), files, sizeof(int) * (size_t)count);
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
  }
  long result;
  while ((result = CALL(sendmsg, connection, &message, MSG_NOSIGNAL, 0, 0)) == -EINTR) {}
  return result < 0 ? -1 : 0;
}

// Returns the number of sockets that came, or -1.
static int receive_answer(int connection, struct shim_answer *answer, int sockets[SHIM_PLACES_MAX]) {
  union rights control;
  struct iovec vector = {answer, sizeof *answer};
  struct msghdr message = {
      .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  long length;
  while ((length = CALL(recvmsg, connection, &message, MSG_CMSG_CLOEXEC, 0, 0)) == -EINTR) {}
  int count = 0;
  if (length > 0 && message.msg_controllen >= sizeof control.align && control.align.cmsg_level == SOL_SOCKET &&
      control.align.cmsg_type == SCM_RIGHTS) {
    count = (int)((control.align.cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(sockets, CMSG_DATA(&control.align), (size_t)count * sizeof(int));
  }
  size_t head = offsetof(struct shim_answer, inodes);
  int is_whole = length >= (long)head && answer->count <= SHIM_PLACES_MAX && (int)answer->count == count &&
                 length >= (long)(head + answer->count * sizeof *answer->inodes);
  if (is_whole) return count;
  for (int i = 0; i < count; i++) CALL(close, sockets[i], 0, 0, 0, 0);
  return -1;
}

// Returns what the call returns, or SHIM_GO_ON.
static int ask(const struct question *question) {
  int connection = connect_to_manager();
  if (connection < 0) return SHIM_GO_ON;
  // A number for the socket that will come, so that one isn't promised to a process that has no room for it.
  long spare = question->call == SHIM_BIND ? CALL(fcntl, connection, F_DUPFD_CLOEXEC, 0, 0, 0) : 0;
  if (spare < 0) {
    CALL(close, connection, 0, 0, 0, 0);
    return SHIM_GO_ON;
  }
  int sockets[SHIM_PLACES_MAX];
  struct shim_answer answer;
  // Without an answer the manager has gone, or doesn't take this process for one of the service's.
  int count = send_question(connection, question);
  if (spare > 0) CALL(close, spare, 0, 0, 0, 0);
  if (!count) count = receive_answer(connection, &answer, sockets);
  CALL(close, connection, 0, 0, 0, 0);
  if (count < 0) return SHIM_GO_ON;
  for (int i = 0; i < count; i++) {
    put_in_place(sockets[i], answer.inodes[i], question->call == SHIM_BIND ? question->number : -1);
    CALL(close, sockets[i], 0, 0, 0, 0);
  }
  return answer.error;
}

// MARK: paths

// The directory that a path is in, for reference only; -1 where it has none that can be opened.
static int open_parent(int directory, const char *path, size_t length) {
  char parent[PATH_MAX];
  while (length && path[length - 1] != '/') length--;
  if (length >= sizeof parent) return -1;
  memcpy(parent, path, length);
  if (!length) parent[length++] = '.';
  parent[length] = 0;
  return (int)CALL(openat, directory, parent, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0);
}

static int ask_about_address(uint32_t call, int number, const union address *address, socklen_t length) {
  struct question question = {
      .call = call, .number = number, .directory = -1, .address = address, .address_length = length};
  const char *path = address->unix_name.sun_path;
  if (address->unix_name.sun_family == AF_UNIX) {
    size_t capacity = length - offsetof(struct sockaddr_un, sun_path), count = 0;
    while (count < capacity && path[count]) count++;
    if (!settings.asks_paths || (!count && capacity < 2)) return SHIM_GO_ON;
    // An abstract name is in no directory.
    if (count && (question.directory = open_parent(AT_FDCWD, path, count)) < 0) return SHIM_GO_ON;
  } else if (call != SHIM_BIND) {
    return SHIM_GO_ON;
  }
  int result = ask(&question);
  if (question.directory >= 0) CALL(close, question.directory, 0, 0, 0, 0);
  return result;
}

// Whether the manager says that a file is removed. Only sockets and FIFOs are asked about, so others cost a look.
static int is_kept(int directory, const char *path, int flags) {
  struct stat status;
  if (!settings.is_on || !settings.asks_paths || flags) return 0;
  if (CALL(newfstatat, directory, path, &status, AT_SYMLINK_NOFOLLOW, 0)) return 0;
  if (!S_ISSOCK(status.st_mode) && !S_ISFIFO(status.st_mode)) return 0;
  size_t length = 0;
  while (length < PATH_MAX && path[length]) length++;
  struct question question = {.call = SHIM_UNLINK, .number = -1, .text = path, .text_length = length};
  question.directory = open_parent(directory, path, length);
  if (question.directory < 0) return 0;
  int result = ask(&question);
  CALL(close, question.directory, 0, 0, 0, 0);
  return !result;
}

// MARK: the calls

EXPORTED int bind(int socket, const struct sockaddr *address, socklen_t length) {
  union address copy;
  socklen_t used = settings.is_on ? copy_address(&copy, address, length) : 0;
  if (used) {
    int result = ask_about_address(SHIM_BIND, socket, &copy, used);
    if (result != SHIM_GO_ON) return (int)as_library(-(long)result);
  }
  return (int)as_library(CALL(bind, socket, address, length, 0, 0));
}

EXPORTED int connect(int socket, const struct sockaddr *address, socklen_t length) {
  union address copy;
  socklen_t used = settings.is_on && settings.asks_paths ? copy_address(&copy, address, length) : 0;
  if (used) {
    int result = ask_about_address(SHIM_CONNECT, socket, &copy, used);
    if (result != SHIM_GO_ON) return (int)as_library(-(long)result);
  }
  if (next_connect) return next_connect(socket, address, length);
  return (int)as_library(CALL(connect, socket, address, length, 0, 0));
}

EXPORTED int unlink(const char *path) {
  if (is_kept(AT_FDCWD, path, 0)) return 0;
  return (int)as_library(CALL(unlinkat, AT_FDCWD, path, 0, 0, 0));
}

EXPORTED int unlinkat(int directory, const char *path, int flags) {
  if (is_kept(directory, path, flags)) return 0;
  return (int)as_library(CALL(unlinkat, directory, path, flags, 0, 0));
}

EXPORTED int remove(const char *path) {
  if (is_kept(AT_FDCWD, path, 0)) return 0;
  if (next_remove) return next_remove(path);
  long result = CALL(unlinkat, AT_FDCWD, path, 0, 0, 0);
  return (int)as_library(result == -EISDIR ? CALL(unlinkat, AT_FDCWD, path, AT_REMOVEDIR, 0, 0) : result);
}

static int says_ready(const char *text, size_t length) {
  static const char wanted[] = "READY=1";
  for (size_t at = 0; at + sizeof wanted - 1 <= length; at++) {
    size_t i = 0;
    while (i < sizeof wanted - 1 && text[at + i] == wanted[i]) i++;
    if (i == sizeof wanted - 1) return 1;
  }
  return 0;
}

// READY=1, the way that libsystemd says it: before it is heard, the held sockets are put in place.
static void ask_about_message(const struct msghdr *message) {
  if (!is_readable(message, sizeof *message) || !message->msg_name || message->msg_iovlen != 1 ||
      !is_readable(message->msg_iov, sizeof *message->msg_iov))
    return;
  union address address;
  const struct iovec text = *message->msg_iov;
  socklen_t used = copy_address(&address, message->msg_name, message->msg_namelen);
  if (!used || address.unix_name.sun_family != AF_UNIX || !text.iov_len || text.iov_len > 4096 ||
      !is_readable(text.iov_base, text.iov_len) || !says_ready(text.iov_base, text.iov_len))
    return;
  struct question question = {.call = SHIM_MESSAGE, .number = -1, .directory = -1, .address = &address,
                              .address_length = used, .text = text.iov_base, .text_length = text.iov_len};
  ask(&question);
}

EXPORTED ssize_t sendmsg(int socket, const struct msghdr *message, int flags) {
  if (settings.is_on && settings.asks_messages && flags == MSG_NOSIGNAL) ask_about_message(message);
  if (next_sendmsg) return next_sendmsg(socket, message, flags);
  return as_library(CALL(sendmsg, socket, message, flags, 0, 0));
}
