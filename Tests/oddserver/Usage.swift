/// The help text: every flag, and the exit code with which a broken expectation is told.
let usage = """
  usage: oddserver --port N [--host ADDRESS] [behaviour...]

  A TCP server that replies "+PONG" to each line. Port 0 takes a free one and prints "oddserver: port N" on standard
  output.

  at start
    --stdout-line TEXT, --stderr-line TEXT   print a line
    --exit-at-once CODE                      complain of a database and exit
    --background                             double fork; the parent exits 0, the grandchild goes on
    --hang-in-start                          never bind
    --slow-start-ms N                        bind late
    --exit-after-ms N CODE                   exit N ms after the start
  sockets
    --backlog N                              511 unless given
    --v6-mapped | --wildcard | --wildcard6   bind ::ffff:127.0.0.1, 0.0.0.0 or :: (the IPv6 ones with V6ONLY off)
    --epoll-before-bind                      put the socket in an epoll before bind, accept by that epoll
    --dup-before-bind                        dup the socket before bind, accept on the copy
    --bind-from-thread                       bind and serve in a second thread
    --bind-twice                             bind the address with a second SO_REUSEPORT socket too
    --cloexec                                SOCK_CLOEXEC; exit 5 when FD_CLOEXEC is lost (or, without this flag, found)
    --keepalive                              set SO_KEEPALIVE, TCP_NODELAY and SO_RCVBUF before bind; exit 6 when an
                                             accepted connection lacks one of the first two
    --listen-fds                             use LISTEN_FDS; exit 7 when they are not for this process
    --notify-ready-ms N                      say READY=1 to NOTIFY_SOCKET N ms after listening
  accepting
    --blocking-accept                        blocking socket, a thread each connection; exit 3 when accept says EAGAIN
    --nonblocking                            O_NONBLOCK, accept until EAGAIN; exit 4 when accept would block
    --one-shot                               one connection, one line, exit 0
  requests
    --crash-on-request                       abort at a line CRASH
    --print-env                              reply to a line ENV with what the process was given
  end
    --ignore-sigterm                         ignore SIGTERM (otherwise it exits 0 at once)
    --shutdown-listener-on-term              shut the listeners down at SIGTERM, then exit 0
    --shutdown-listener-after-ms N           shut the listeners down N ms after listening, and go on
    --fork-child                             after listening, fork a child that ignores SIGTERM (for 10 minutes at most)
  """
