// UDP: when the last datagram came that somebody has read, and who sent the next one.
#define _GNU_SOURCE 1
#include "CLinux.h"
#include "internal.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

int64_t cl_last_datagram_stamp(int socket) {
  struct timespec stamp;
  // SIOCGSTAMP of two longs: the size of a timespec on the 64-bit machines that we run on.
  if (ioctl(socket, SIOCGSTAMPNS_OLD, &stamp)) return -errno;
  return (int64_t)stamp.tv_sec * 1000000000 + stamp.tv_nsec;
}

int cl_has_datagram(int socket) {
  struct pollfd entry = {.fd = socket, .events = POLLIN};
  int ready = poll(&entry, 1, 0);
  return ready < 0 ? -errno : ready > 0 && (entry.revents & POLLIN);
}

int cl_peek_sender(int socket, uint8_t *address, uint16_t *port) {
  struct sockaddr_storage name;
  socklen_t length = sizeof name;
  char byte;
  ssize_t count = recvfrom(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&name, &length);
  if (count < 0) return -errno;
  return cl_parse_inet(&name, length, address, port);
}
