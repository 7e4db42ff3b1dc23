// The least that socket activation can cost: epoll, vfork, exec with the socket as descriptor 3, and again when the service has ended.
// No adoption, no idle time, no hand-back. Usage: activator PORT PROGRAM [ARGUMENT...]
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int main(int count, char **arguments) {
  if (count < 3) return 2;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(atoi(arguments[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
    perror("listen");
    return 1;
  }
  // 3 is where the service looks; ours is kept above it.
  int held = fcntl(listener, F_DUPFD_CLOEXEC, 10);
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN};
  epoll_ctl(epoll, EPOLL_CTL_ADD, held, &event);
  for (;;) {
    if (epoll_wait(epoll, &event, 1, -1) != 1) continue;
    pid_t service = vfork();
    if (service == 0) {
      dup2(held, 3);
      execve(arguments[2], arguments + 2, environ);
      _exit(127);
    }
    waitpid(service, NULL, 0);
  }
}
