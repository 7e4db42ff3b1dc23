// The smallest service that can be woken: answers a byte with its pid, a line. Ends after one answer, or never with --stay.
// Takes its listening socket as descriptor 3 (LISTEN_FDS), or binds 127.0.0.1 with --port.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int listen_on(int port) {
  int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 511)) {
    perror("listen");
    exit(1);
  }
  return listener;
}

int main(int count, char **arguments) {
  int stays = 0, port = 0;
  for (int i = 1; i < count; i++) {
    if (!strcmp(arguments[i], "--stay")) stays = 1;
    if (!strcmp(arguments[i], "--port") && i + 1 < count) port = atoi(arguments[++i]);
  }
  int listener = port ? listen_on(port) : 3;
  do {
    int client = accept(listener, NULL, NULL);
    char request, reply[16];
    if (client < 0) return 1;
    if (read(client, &request, 1) == 1) {
      int length = snprintf(reply, sizeof reply, "%d\n", getpid());
      if (write(client, reply, length) != length) perror("write");
    }
    close(client);
  } while (stays);
  return 0;
}
