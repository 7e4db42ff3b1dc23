// Sockets: steering, queue lengths, marks, filters, addresses and control messages.
#define _GNU_SOURCE 1
#include "CLinux.h"
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <unistd.h>

int cl_steer(int socket, uint32_t index) {
  struct sock_filter program = BPF_STMT(BPF_RET | BPF_K, index);
  struct sock_fprog description = {1, &program};
  return setsockopt(socket, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &description, sizeof description) ? -errno : 0;
}

int cl_accept_queue_length(int socket) {
  struct tcp_info information;
  socklen_t length = sizeof information;
  memset(&information, 0, sizeof information);
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &information, &length)) return -errno;
  // A listener reports its accept queue where a connection reports unacknowledged segments (tcp_get_info).
  return information.tcpi_state == TCP_LISTEN ? (int)information.tcpi_unacked : -EINVAL;
}

int cl_accept(int socket) {
  int descriptor = accept4(socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  return descriptor < 0 ? -errno : descriptor;
}

int cl_set_reset_on_close(int socket) {
  struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  return setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) ? -errno : 0;
}

int cl_set_no_linger(int socket) {
  struct linger off = {0};
  return setsockopt(socket, SOL_SOCKET, SO_LINGER, &off, sizeof off) ? -errno : 0;
}

int cl_unsent_bytes(int socket) {
  int count = 0;
  return ioctl(socket, SIOCOUTQ, &count) ? -errno : count;
}

int cl_set_generation_mark(int socket, int mark) {
  int loop = mark & 1, all = (mark >> 1) & 1;
  if (setsockopt(socket, IPPROTO_IP, IP_MULTICAST_LOOP, &loop, sizeof loop)) return -errno;
  return setsockopt(socket, IPPROTO_IP, IP_MULTICAST_ALL, &all, sizeof all) ? -errno : 0;
}


int cl_filter_ports(int socket, const uint16_t *ports, size_t count) {
  struct sock_filter program[2 * CL_FILTERED_PORTS_MAX + 2];
  if (count > CL_FILTERED_PORTS_MAX) return -EINVAL;
  unsigned n = 0;
  // The first message of a multicast datagram is its only one. idiag_sport is big-endian, as a BPF load is.
  const unsigned port = NLMSG_HDRLEN + offsetof(struct inet_diag_msg, id.idiag_sport);
  program[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_H | BPF_ABS, port);
  for (size_t i = 0; i < count; i++) {
    program[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ports[i], 0, 1);
    program[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0xffffffff);
  }
  program[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
  struct sock_fprog description = {(unsigned short)n, program};
  return setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &description, sizeof description) ? -errno : 0;
}

int cl_unfilter(int socket) {
  int ignored = 0;
  if (setsockopt(socket, SOL_SOCKET, SO_DETACH_FILTER, &ignored, sizeof ignored) && errno != ENOENT) return -errno;
  return 0;
}

int cl_enlarge_receive_buffer(int socket, int size) {
  // The first is root's, beyond net.core.rmem_max.
  if (!setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size)) return 0;
  return setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) ? -errno : 0;
}

// MARK: addresses

union inet_address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

static socklen_t fill(union inet_address *out, int family, const uint8_t *address, uint16_t port, uint32_t scope) {
  memset(out, 0, sizeof *out);
  if (family == AF_INET) {
    out->v4.sin_family = AF_INET;
    out->v4.sin_port = htons(port);
    memcpy(&out->v4.sin_addr, address, 4);
    return sizeof out->v4;
  }
  out->v6.sin6_family = AF_INET6;
  out->v6.sin6_port = htons(port);
  out->v6.sin6_scope_id = scope;
  memcpy(&out->v6.sin6_addr, address, 16);
  return sizeof out->v6;
}

int cl_bind_inet(int socket, int family, const uint8_t *address, uint16_t port, uint32_t scope) {
  union inet_address name;
  socklen_t length = fill(&name, family, address, port, scope);
  return bind(socket, &name.any, length) ? -errno : 0;
}

int cl_connect_inet(int socket, int family, const uint8_t *address, uint16_t port, uint32_t scope) {
  union inet_address name;
  socklen_t length = fill(&name, family, address, port, scope);
  return connect(socket, &name.any, length) ? -errno : 0;
}

int cl_parse_inet(const void *bytes, size_t length, uint8_t *address, uint16_t *port) {
  union inet_address name;
  if (length < sizeof name.any.sa_family) return -EINVAL;
  memset(&name, 0, sizeof name);
  memcpy(&name, bytes, length < sizeof name ? length : sizeof name);
  memset(address, 0, 16);
  // The kernel takes an AF_INET6 address without its scope: 24 bytes (SIN6_LEN_RFC2133).
  if (name.any.sa_family == AF_INET && length >= sizeof name.v4) {
    memcpy(address, &name.v4.sin_addr, 4);
    *port = ntohs(name.v4.sin_port);
    return AF_INET;
  }
  if (name.any.sa_family == AF_INET6 && length >= 24) {
    memcpy(address, &name.v6.sin6_addr, 16);
    *port = ntohs(name.v6.sin6_port);
    return AF_INET6;
  }
  return -EINVAL;
}

int cl_local_address(int socket, uint8_t *address, uint16_t *port) {
  union inet_address name;
  socklen_t length = sizeof name;
  if (getsockname(socket, &name.any, &length)) return -errno;
  return cl_parse_inet(&name, length, address, port);
}

int cl_peer_address(int socket, uint8_t *address, uint16_t *port) {
  union inet_address name;
  socklen_t length = sizeof name;
  if (getpeername(socket, &name.any, &length)) return -errno;
  return cl_parse_inet(&name, length, address, port);
}

int cl_has_address(int socket) {
  struct sockaddr_storage name;
  socklen_t length = sizeof name;
  if (getsockname(socket, (struct sockaddr *)&name, &length)) return -errno;
  switch (name.ss_family) {
    case AF_INET: return ((struct sockaddr_in *)&name)->sin_port != 0;
    case AF_INET6: return ((struct sockaddr_in6 *)&name)->sin6_port != 0;
    default: return length > sizeof name.ss_family;
  }
}

int cl_accept_from(int socket, int *family, uint8_t *address, uint16_t *port) {
  // Not by getpeername(): a connection that its client has reset no longer has a peer.
  union inet_address name;
  socklen_t length = sizeof name;
  memset(&name, 0, sizeof name);
  int descriptor = accept4(socket, &name.any, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (descriptor < 0) return -errno;
  *family = cl_parse_inet(&name, length < sizeof name ? length : sizeof name, address, port);
  if (*family < 0) *family = 0;
  return descriptor;
}

// MARK: options

// Those that accept() hands on to each connection, or that say how the listener behaves. All are ints but SO_LINGER and
// the time limits; SO_REUSEADDR, SO_REUSEPORT and IPV6_V6ONLY are ours, as they decide about bind.
static const struct {
  int level, name;
  size_t size;
  int doubled;  // the kernel reports twice what was set
} inherited[] = {
    {SOL_SOCKET, SO_KEEPALIVE, 4, 0},
    {SOL_SOCKET, SO_OOBINLINE, 4, 0},
    {SOL_SOCKET, SO_SNDBUF, 4, 1},
    {SOL_SOCKET, SO_RCVBUF, 4, 1},
    {SOL_SOCKET, SO_RCVLOWAT, 4, 0},
    {SOL_SOCKET, SO_PRIORITY, 4, 0},
    {SOL_SOCKET, SO_LINGER, sizeof(struct linger), 0},
    {SOL_SOCKET, SO_RCVTIMEO, sizeof(struct timeval), 0},
    {SOL_SOCKET, SO_SNDTIMEO, sizeof(struct timeval), 0},
    {SOL_SOCKET, SO_BUSY_POLL, 4, 0},
    {SOL_SOCKET, SO_PASSCRED, 4, 0},
    {SOL_SOCKET, SO_PASSSEC, 4, 0},
    {IPPROTO_TCP, TCP_NODELAY, 4, 0},
    {IPPROTO_TCP, TCP_MAXSEG, 4, 0},
    {IPPROTO_TCP, TCP_KEEPIDLE, 4, 0},
    {IPPROTO_TCP, TCP_KEEPINTVL, 4, 0},
    {IPPROTO_TCP, TCP_KEEPCNT, 4, 0},
    {IPPROTO_TCP, TCP_SYNCNT, 4, 0},
    {IPPROTO_TCP, TCP_LINGER2, 4, 0},
    {IPPROTO_TCP, TCP_DEFER_ACCEPT, 4, 0},
    {IPPROTO_TCP, TCP_WINDOW_CLAMP, 4, 0},
    {IPPROTO_TCP, TCP_QUICKACK, 4, 0},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, 4, 0},
    {IPPROTO_TCP, TCP_FASTOPEN, 4, 0},
    {IPPROTO_TCP, TCP_CONGESTION, 16, 0},
    {IPPROTO_IP, IP_TOS, 4, 0},
    {IPPROTO_IP, IP_TTL, 4, 0},
    {IPPROTO_IP, IP_TRANSPARENT, 4, 0},
    {IPPROTO_IP, IP_FREEBIND, 4, 0},
    {IPPROTO_IPV6, IPV6_TCLASS, 4, 0},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, 4, 0},
};

int cl_copy_options(int from, int to) {
  int differing = 0;
  for (size_t i = 0; i < sizeof inherited / sizeof inherited[0]; i++) {
    union {
      int number;
      char bytes[32];
    } wanted = {0}, present = {0};
    socklen_t wanted_length = (socklen_t)inherited[i].size, present_length = wanted_length;
    if (getsockopt(from, inherited[i].level, inherited[i].name, &wanted, &wanted_length)) continue;
    if (getsockopt(to, inherited[i].level, inherited[i].name, &present, &present_length)) continue;
    if (wanted_length == present_length && !memcmp(&wanted, &present, wanted_length)) continue;
    differing++;
    if (inherited[i].doubled) wanted.number /= 2;
    // What the kernel refuses here it would have refused the server: nothing is lost by going on.
    (void)setsockopt(to, inherited[i].level, inherited[i].name, &wanted, wanted_length);
  }
  return differing;
}

// MARK: control messages

int cl_send_descriptor(int socket, int descriptor) {
  char byte = 0;
  struct iovec vector = {&byte, 1};
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control;
  memset(&control, 0, sizeof control);
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  // Two flags: MSG_NOSIGNAL alone is trapped by the filter that the caller has just put on itself (CL_TRAP_MESSAGES).
  return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -1 : 0;
}

int cl_receive_descriptor(int socket) {
  char byte;
  struct iovec vector = {&byte, 1};
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control;
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) < 0) return -errno;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  // No number was free for it: the kernel says so by leaving it out.
  if (!header && message.msg_flags & MSG_CTRUNC) return -EMFILE;
  if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) return -EPROTO;
  int descriptor;
  memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
  return descriptor;
}

int cl_refuse_descriptors(int socket) {
  int passes = 0;
  return setsockopt(socket, SOL_SOCKET, 83 /* SO_PASSRIGHTS */, &passes, sizeof passes) ? -errno : 0;
}

ssize_t cl_receive_datagram(int socket, void *buffer, size_t length, int *pid, int *truncated, int *descriptors,
                            int *descriptor_count) {
  struct iovec vector = {buffer, length};
  union {
    char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int) * CL_MAX_RECEIVED)];
    struct cmsghdr align;
  } control;
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t count = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (count < 0) return -errno;
  *pid = 0;
  *descriptor_count = 0;
  *truncated = (message.msg_flags & MSG_TRUNC) != 0;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET) continue;
    if (header->cmsg_type == SCM_CREDENTIALS && header->cmsg_len >= CMSG_LEN(sizeof(struct ucred))) {
      struct ucred credentials;
      memcpy(&credentials, CMSG_DATA(header), sizeof credentials);
      *pid = credentials.pid;
    } else if (header->cmsg_type == SCM_RIGHTS) {
      size_t number = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      if (number > CL_MAX_RECEIVED) number = CL_MAX_RECEIVED;
      memcpy(descriptors, CMSG_DATA(header), number * sizeof(int));
      *descriptor_count = (int)number;
    }
  }
  return count;
}

ssize_t cl_splice(int from, int to, size_t length) {
  ssize_t count = splice(from, NULL, to, NULL, length, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  return count < 0 ? -errno : count;
}

int cl_bind_unix_autoname(int socket, char *name, size_t capacity) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  // Only the family: the kernel picks a free abstract name (unix(7), autobind).
  if (bind(socket, (struct sockaddr *)&address, sizeof address.sun_family)) return -errno;
  socklen_t length = sizeof address;
  if (getsockname(socket, (struct sockaddr *)&address, &length)) return -errno;
  size_t count = length - offsetof(struct sockaddr_un, sun_path);
  if (count < 1 || count + 1 > capacity) return -ENAMETOOLONG;
  memcpy(name, address.sun_path, count);
  name[0] = '@';
  name[count] = 0;
  return 0;
}

int cl_bind_netlink(int socket, uint32_t groups) {
  struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
  return bind(socket, (struct sockaddr *)&address, sizeof address) ? -errno : 0;
}
