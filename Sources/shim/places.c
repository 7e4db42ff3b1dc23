// A server may have duplicated its socket, and may have registered it in epoll, before bind(): both would go on with the
// socket that is replaced. From outside, this is Torpor/Wake/SocketPlaces.swift.
#define _GNU_SOURCE 1
#include "places.h"
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>

void *memcpy(void *restrict to, const void *restrict from, size_t count) {
  char *out = to;
  const char *in = from;
  for (size_t i = 0; i < count; i++) {
    out[i] = in[i];
    __asm__ volatile("");  // else the compiler would know this loop for memcpy
  }
  return to;
}

void *memset(void *to, int value, size_t count) {
  char *out = to;
  for (size_t i = 0; i < count; i++) {
    out[i] = (char)value;
    __asm__ volatile("");
  }
  return to;
}

#define DESCRIPTORS_MAX 4096
#define PLACES_MAX 64
#define EPOLLS_MAX 16
#define REGISTRATIONS_MAX 64

struct registration {
  int epoll, number;
  struct epoll_event event;
};

struct places {
  uint64_t inode;
  int count, epoll_count, registration_count;
  int numbers[PLACES_MAX];
  int epolls[EPOLLS_MAX];
  struct registration registrations[REGISTRATIONS_MAX];
};

static int is_socket(int number, uint64_t inode) {
  struct stat status;
  return !CALL(fstat, number, &status, 0, 0, 0) && S_ISSOCK(status.st_mode) && status.st_ino == inode;
}

static void add(struct places *places, int number) {
  for (int i = 0; i < places->count; i++)
    if (places->numbers[i] == number) return;
  if (places->count < PLACES_MAX) places->numbers[places->count++] = number;
}

// "/proc/self/fdinfo/" and a number, ended by 0.
static void write_path(char out[40], const char *prefix, int number) {
  char digits[12];
  int count = 0;
  while (*prefix) *out++ = *prefix++;
  do {
    digits[count++] = (char)('0' + number % 10);
    number /= 10;
  } while (number);
  while (count) *out++ = digits[--count];
  *out = 0;
}

static int is_epoll(int number) {
  static const char wanted[] = "anon_inode:[eventpoll]";
  char path[40], target[32];
  write_path(path, "/proc/self/fd/", number);
  if (CALL(readlinkat, AT_FDCWD, path, target, sizeof target, 0) != sizeof wanted - 1) return 0;
  for (size_t i = 0; i < sizeof wanted - 1; i++)
    if (target[i] != wanted[i]) return 0;
  return 1;
}

struct entry {
  uint64_t inode;
  int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[];
};

static void look_for_numbers(struct places *places) {
  long directory = CALL(openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, 0);
  if (directory < 0) return;
  _Alignas(8) char buffer[1024];
  int seen = 0;
  long size;
  while (seen < DESCRIPTORS_MAX && (size = CALL(getdents64, directory, buffer, sizeof buffer, 0, 0)) > 0) {
    for (long at = 0; at < size; seen++) {
      const struct entry *entry = (const struct entry *)(buffer + at);
      at += entry->length;
      int number = 0;
      const char *digit = entry->name;
      while (*digit >= '0' && *digit <= '9') number = number * 10 + (*digit++ - '0');
      if (*digit || digit == entry->name) continue;
      if (is_socket(number, places->inode)) add(places, number);
      else if (places->epoll_count < EPOLLS_MAX && is_epoll(number)) places->epolls[places->epoll_count++] = number;
    }
  }
  CALL(close, directory, 0, 0, 0, 0);
}

// MARK: registrations

// The value after `key` in a line of fdinfo; 0 without it.
static uint64_t field(const char *line, const char *key, unsigned base) {
  for (; *line; line++) {
    size_t i = 0;
    while (key[i] && line[i] == key[i]) i++;
    if (key[i]) continue;
    const char *at = line + i;
    while (*at == ' ' || *at == '\t') at++;
    uint64_t value = 0;
    for (;; at++) {
      unsigned digit = *at >= '0' && *at <= '9' ? (unsigned)(*at - '0') : *at >= 'a' && *at <= 'f' ? (unsigned)(*at - 'a' + 10) : 16;
      if (digit >= base) return value;
      value = value * base + digit;
    }
  }
  return 0;
}

// "tfd:        5 events:       19 data:                5  pos:0 ino:1234 sdev:8" (proc(5), fdinfo)
static void note_registration(struct places *places, int epoll, const char *line) {
  if (field(line, " ino:", 16) != places->inode || places->registration_count == REGISTRATIONS_MAX) return;
  int number = (int)field(line, "tfd:", 10), is_ours = 0;
  for (int i = 0; i < places->count; i++) is_ours |= places->numbers[i] == number;
  if (!is_ours) return;
  struct registration *made = &places->registrations[places->registration_count++];
  made->epoll = epoll;
  made->number = number;
  made->event.events = (uint32_t)field(line, " events:", 16);
  made->event.data.u64 = field(line, " data:", 16);
}

static void look_for_registrations(struct places *places, int epoll) {
  char path[40], line[160], buffer[512];
  write_path(path, "/proc/self/fdinfo/", epoll);
  long file = CALL(openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0, 0);
  if (file < 0) return;
  size_t length = 0;
  long size, offset = 0;
  // Of a very large instance the first 128 KiB. Not read(), which would wait if another thread has put a pipe at the number.
  for (int i = 0; i < 256 && (size = CALL(pread64, file, buffer, sizeof buffer, offset, 0)) > 0; i++, offset += size) {
    for (long at = 0; at < size; at++) {
      if (buffer[at] != '\n') {
        if (length < sizeof line - 1) line[length++] = buffer[at];
        continue;
      }
      line[length] = 0;
      length = 0;
      if (line[0] == 't') note_registration(places, epoll, line);
    }
  }
  CALL(close, file, 0, 0, 0, 0);
}

void put_in_place(int socket, uint64_t inode, int number) {
  struct places places;
  places.inode = inode;
  places.count = places.epoll_count = places.registration_count = 0;
  // Known even where there is no /proc.
  if (number >= 0 && is_socket(number, inode)) add(&places, number);
  look_for_numbers(&places);
  for (int i = 0; i < places.epoll_count; i++) look_for_registrations(&places, places.epolls[i]);

  // The old ones would be told of as long as anybody has the old socket.
  for (int i = 0; i < places.registration_count; i++)
    CALL(epoll_ctl, places.registrations[i].epoll, EPOLL_CTL_DEL, places.registrations[i].number, 0, 0);
  for (int i = 0; i < places.count; i++) {
    // Close-on-exec belongs to the number.
    long flags = CALL(fcntl, places.numbers[i], F_GETFD, 0, 0, 0);
    CALL(dup3, socket, places.numbers[i], flags > 0 && flags & FD_CLOEXEC ? O_CLOEXEC : 0, 0, 0);
  }
  for (int i = 0; i < places.registration_count; i++)
    CALL(epoll_ctl, places.registrations[i].epoll, EPOLL_CTL_ADD, places.registrations[i].number,
         &places.registrations[i].event, 0);
}
