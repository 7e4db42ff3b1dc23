// A service with clients that stay: sends each byte back, and keeps a connection until its client closes it. Takes its listening
// socket as descriptor 3 (LISTEN_FDS).
#define _GNU_SOURCE 1
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int watch(int epoll, int number) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = number};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, number, &event);
}

int main(void) {
  int epoll = epoll_create1(EPOLL_CLOEXEC), listener = 3;
  if (epoll < 0 || watch(epoll, listener)) {
    perror("epoll");
    return 1;
  }
  for (;;) {
    struct epoll_event event;
    if (epoll_wait(epoll, &event, 1, -1) != 1) continue;
    if (event.data.fd == listener) {
      int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
      if (client >= 0 && watch(epoll, client)) close(client);
      continue;
    }
    char byte;
    if (read(event.data.fd, &byte, 1) != 1 || write(event.data.fd, &byte, 1) != 1) close(event.data.fd);
  }
}
