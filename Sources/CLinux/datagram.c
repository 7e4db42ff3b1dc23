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

int cl_is_shut_down(int socket) {
  struct pollfd entry = {.fd = socket, .events = POLLRDHUP};
  int ready = poll(&entry, 1, 0);
  return ready < 0 ? -errno : ready > 0 && (entry.revents & (POLLRDHUP | POLLHUP));
}

#define ERRORS_MAX 1024

int cl_take_errors(int socket) {
  int taken = 0, error;
  socklen_t length = sizeof error;
  // With IP_RECVERR they are queued, each with the datagram that it is about.
  struct msghdr message = {0};
  while (taken < ERRORS_MAX && recvmsg(socket, &message, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0) taken++;
  return getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) ? -errno : taken;
}

// All are ints. SO_REUSEADDR, SO_REUSEPORT and IPV6_V6ONLY are ours, as they decide about bind.
static const struct {
  int level, name, doubled;  // doubled: the kernel reports twice what was set
} options[] = {
    {SOL_SOCKET, SO_BROADCAST, 0},
    {SOL_SOCKET, SO_SNDBUF, 1},
    {SOL_SOCKET, SO_RCVBUF, 1},
    {SOL_SOCKET, SO_PRIORITY, 0},
    {SOL_SOCKET, SO_TIMESTAMP, 0},
    {SOL_SOCKET, SO_TIMESTAMPNS, 0},
    {SOL_SOCKET, SO_TIMESTAMPING, 0},
    {SOL_SOCKET, SO_RXQ_OVFL, 0},
    {SOL_SOCKET, SO_BUSY_POLL, 0},
    {IPPROTO_IP, IP_TOS, 0},
    {IPPROTO_IP, IP_TTL, 0},
    {IPPROTO_IP, IP_PKTINFO, 0},
    {IPPROTO_IP, IP_RECVTTL, 0},
    {IPPROTO_IP, IP_RECVTOS, 0},
    {IPPROTO_IP, IP_RECVERR, 0},
    {IPPROTO_IP, IP_RECVOPTS, 0},
    {IPPROTO_IP, IP_RECVORIGDSTADDR, 0},
    {IPPROTO_IP, IP_MTU_DISCOVER, 0},
    {IPPROTO_IP, IP_TRANSPARENT, 0},
    {IPPROTO_IP, IP_FREEBIND, 0},
    {IPPROTO_IP, IP_MULTICAST_TTL, 0},
    {IPPROTO_IP, IP_MULTICAST_LOOP, 0},
    {IPPROTO_IP, IP_MULTICAST_ALL, 0},
    {IPPROTO_IPV6, IPV6_TCLASS, 0},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, 0},
    {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 0},
    {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0},
    {IPPROTO_IPV6, IPV6_RECVPKTINFO, 0},
    {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 0},
    {IPPROTO_IPV6, IPV6_RECVTCLASS, 0},
    {IPPROTO_IPV6, IPV6_RECVERR, 0},
    {IPPROTO_IPV6, IPV6_MTU_DISCOVER, 0},
};

int cl_copy_datagram_options(int from, int to) {
  int differing = 0;
  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
    int wanted = 0, present = 0;
    socklen_t length = sizeof wanted;
    if (getsockopt(from, options[i].level, options[i].name, &wanted, &length)) continue;
    length = sizeof present;
    if (getsockopt(to, options[i].level, options[i].name, &present, &length) || wanted == present) continue;
    differing++;
    if (options[i].doubled) wanted /= 2;
    // What the kernel refuses here it would have refused the server: nothing is lost by going on.
    (void)setsockopt(to, options[i].level, options[i].name, &wanted, sizeof wanted);
  }
  return differing;
}

int cl_peek_sender(int socket, uint8_t *address, uint16_t *port) {
  struct sockaddr_storage name;
  socklen_t length = sizeof name;
  char byte;
  ssize_t count = recvfrom(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&name, &length);
  if (count < 0) return -errno;
  return cl_parse_inet(&name, length, address, port);
}
