// Attacks by what bind() is given: addresses, lengths, pointers, descriptors.
#define _GNU_SOURCE 1
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

// MARK: the address changes while it is read

static struct sockaddr_in raced;
static volatile uint16_t choices[4];

static void *rewrite(void *unused) {
  (void)unused;
  for (unsigned i = 0;; i++) *(volatile uint16_t *)&raced.sin_port = choices[i & 3];
}

unsigned attack_race(const struct targets *targets) {
  raced = loopback(targets->held);
  choices[0] = choices[2] = htons(targets->held);
  choices[1] = htons(targets->other);
  choices[3] = htons(targets->foreign ? targets->foreign : targets->other);
  start_thread(rewrite, NULL);
  unsigned calls = 0, held = 0, on = 1;
  for (; elapsed() < 1; calls++) {
    int socket = tcp_socket();
    if (socket < 0) fail("socket");
    // When the address is another by the time the kernel reads it, we are only asked too late: the kernel decides then, and
    // with this it lets those of one user share a port. So it is tried as another user.
    if (geteuid()) setsockopt(socket, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (!bind(socket, (struct sockaddr *)&raced, sizeof raced)) held += (unsigned)check_bound(socket, targets);
    close(socket);
  }
  if (!held) violate("never got the held socket");
  return calls;
}

// MARK: lengths and pointers

unsigned attack_lengths(const struct targets *targets) {
  static const long lengths[] = {0, 1, 2, 3, 7, 8, 12, 15, 16, 17, 24, 27, 28, 110, 127, 128, 129, 4096, 65536, -1, -16, -4096,
                                 0x7fffffff, 0x80000000, 0x100000010, 0x7fffffffffffffff, 0x10000000c};
  unsigned calls = 0;
  struct sockaddr_in plain = loopback(targets->held);
  int first = tcp_socket();
  // Not where a preloaded library is asked instead of the kernel.
  int is_trapped = !syscall(SYS_bind, (long)first, &plain, 16L);
  close(first);
  while (elapsed() < 0.4)
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++, calls++) {
      struct {
        struct sockaddr_in address;
        char rest[8192];
      } memory = {.address = loopback(targets->held)};
      int socket = tcp_socket();
      if (socket < 0) fail("socket");
      // All 64 bits of the register: the kernel looks at 32 of them.
      long result = syscall(SYS_bind, (long)socket, &memory, lengths[i]);
      int takes = (int)lengths[i] >= 16 && (int)lengths[i] <= 128;
      if (!result && !takes) violate("an address of a wrong length was taken");
      if (result && takes && is_trapped) violate("an address was refused for the half of its length that nobody looks at");
      if (!result) check_bound(socket, targets);
      close(socket);
    }
  return calls;
}

unsigned attack_pointers(const struct targets *targets) {
  const long page = sysconf(_SC_PAGESIZE);
  char *memory = mmap(NULL, (size_t)page * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("mmap");
  munmap(memory + page, (size_t)page);
  struct sockaddr_in address = loopback(targets->held);
  // Its last bytes are on a page that isn't there.
  memcpy(memory + page - 8, &address, 8);
  const void *pointers[] = {NULL,
                            (void *)1,
                            (void *)-1,
                            (void *)0xffff888000000000,  // the kernel's own memory
                            (void *)0xffffffff81000000,
                            (void *)0x00007ffffffff000,
                            (void *)0x800000000000,  // not canonical
                            memory + page,
                            memory + page - 8,
                            memory + page - 15};
  unsigned calls = 0;
  while (elapsed() < 0.4)
    for (size_t i = 0; i < sizeof pointers / sizeof pointers[0]; i++, calls++) {
      int socket = tcp_socket();
      if (socket < 0) fail("socket");
      if (!syscall(SYS_bind, (long)socket, pointers[i], 16L)) violate("an address that is no memory was taken");
      close(socket);
    }
  return calls;
}

// MARK: descriptors

static volatile int swapped, is_over;

static void *swap_files(void *unused) {
  (void)unused;
  int pipes[2];
  if (pipe(pipes)) fail("pipe");
  for (unsigned i = 0; !is_over; i++) {
    int file = i % 5 == 0 ? dup(pipes[0]) : i % 5 == 1 ? epoll_create1(0) : i % 5 == 2 ? socket(AF_UNIX, SOCK_STREAM, 0)
             : i % 5 == 3 ? open("/dev/null", O_RDONLY) : tcp_socket();
    if (file < 0) continue;
    dup2(file, swapped);
    close(file);
    if (i % 7 == 0) close(swapped);
  }
  return NULL;
}

unsigned attack_descriptors(const struct targets *targets) {
  struct sockaddr_in address = loopback(targets->held);
  int files[6] = {open("/dev/null", O_RDWR), epoll_create1(0), socket(AF_INET, SOCK_DGRAM, 0), socket(AF_UNIX, SOCK_STREAM, 0),
                  memfd_create("x", 0), open("/proc/self/mem", O_RDONLY)};
  const int numbers[] = {-1, -2147483647 - 1, 2147483647, 1000000, 999, files[0], files[1], files[2], files[3], files[4], files[5], AT_FDCWD};
  unsigned calls = 0;
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++, calls++) {
    int result = bind(numbers[i], (struct sockaddr *)&address, sizeof address);
    // A datagram socket may bind the port of a TCP socket.
    if (!result && numbers[i] != files[2]) violate("what is no TCP socket was bound");
  }
  swapped = dup(files[0]);
  start_thread(swap_files, NULL);
  for (; elapsed() < 0.8; calls++)
    if (!bind(swapped, (struct sockaddr *)&address, sizeof address) && calls % 3 == 0) close(swapped);
  is_over = 1;
  usleep(100000);
  return calls;
}

// MARK: a socket that is somebody's already

unsigned attack_connected(const struct targets *targets) {
  struct sockaddr_in held = loopback(targets->held), any = loopback(0);
  unsigned calls = 0;
  for (; elapsed() < 0.5; calls++) {
    int bound = tcp_socket();
    if (bind(bound, (struct sockaddr *)&any, sizeof any)) fail("bind");
    // The kernel's word for a socket that has an address: EINVAL.
    if (!bind(bound, (struct sockaddr *)&held, sizeof held)) violate("a socket was bound a second time");
    if (errno != EINVAL) violate("a second bind is refused with another word than the kernel's");
    close(bound);
  }
  return calls;
}
