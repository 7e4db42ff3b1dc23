// A service that attacks whoever adopts its sockets. Each attack returns how many calls it made, and ends the process with
// VIOLATION when it got what it must not get.
#pragma once

#include <netinet/in.h>
#include <stdint.h>

#define VIOLATION 9

struct targets {
  uint16_t held;     // the service's own address
  uint16_t other;    // an address that nobody has
  uint16_t foreign;  // another service's, or 0
  const char *path;  // a unix path that is held, too, or NULL
};

struct attack {
  const char *name;
  unsigned (*run)(const struct targets *);
};
extern const struct attack attacks[];

/// A loopback address. Port 0: the kernel chooses.
struct sockaddr_in loopback(uint16_t port);
/// A TCP socket with SO_REUSEADDR.
int tcp_socket(void);
/// Whether it was bound to the service's own address, which must then be the held socket. Never to a foreign one.
int check_bound(int socket, const struct targets *targets);
/// Seconds since the process began.
double elapsed(void);
void fail(const char *what) __attribute__((noreturn));
void violate(const char *what) __attribute__((noreturn));
void start_thread(void *(*body)(void *), void *argument);

unsigned attack_race(const struct targets *);
unsigned attack_lengths(const struct targets *);
unsigned attack_pointers(const struct targets *);
unsigned attack_descriptors(const struct targets *);
unsigned attack_threads(const struct targets *);
unsigned attack_flood(const struct targets *);
unsigned attack_forks(const struct targets *);
unsigned attack_die(const struct targets *);
unsigned attack_exec(const struct targets *);
unsigned attack_crowd(const struct targets *);
unsigned attack_linger(const struct targets *);
unsigned attack_explode(const struct targets *);
unsigned attack_connected(const struct targets *);
unsigned attack_namespace(const struct targets *);
unsigned attack_notify(const struct targets *);
unsigned attack_filesystem(const struct targets *);
unsigned attack_words(const struct targets *);
unsigned attack_packets(const struct targets *);
unsigned attack_connections(const struct targets *);
unsigned attack_stranger(const struct targets *);
