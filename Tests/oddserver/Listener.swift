import Glibc

/// A listening socket, made in the way that the behaviours say.
struct Listener {
  /// The one that connections are accepted on.
  let accepting: Int32
  /// Set when the listener is waited for by an epoll that knew it before it was bound.
  let epoll: Epoll?

  static func open(_ behaviours: Behaviours) -> [Listener] {
    if behaviours.usesPassedListeners {
      return PassedListeners.take().map { descriptor in
        if behaviours.accepting == .nonblocking { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }
        return Listener(accepting: descriptor, epoll: nil)
      }
    }
    let first = Listener(behaviours, port: behaviours.port ?? 0)
    let port = ListenAddress.port(of: first.accepting)
    if behaviours.port == 0 { say("oddserver: port \(port)", to: STDOUT_FILENO) }
    return behaviours.bindsTwice ? [first, Listener(behaviours, port: port)] : [first]
  }

  private init(accepting: Int32, epoll: Epoll?) {
    self.accepting = accepting
    self.epoll = epoll
  }

  private init(_ behaviours: Behaviours, port: UInt16) {
    let address = ListenAddress(behaviours, port: port)
    let bound = Self.makeSocket(family: address.family, behaviours)
    accepting = behaviours.dupsBeforeBind ? Self.copy(bound, behaviours) : bound
    epoll = behaviours.usesEpollBeforeBind ? Epoll() : nil
    epoll?.add(accepting)

    guard address.bind(bound) else { dieOfSystemError("bind") }
    guard listen(bound, behaviours.backlog) == 0 else { dieOfSystemError("listen") }
    for descriptor in [bound, accepting] { Self.check(descriptor, behaviours) }
  }

  private static func makeSocket(family: Int32, _ behaviours: Behaviours) -> Int32 {
    var type = SOCK_STREAM.rawValue
    if behaviours.closesOnExec { type |= SOCK_CLOEXEC.rawValue }
    if behaviours.accepting == .plain { type |= SOCK_NONBLOCK.rawValue }
    let descriptor = socket(family, Int32(type), 0)
    guard descriptor >= 0 else { dieOfSystemError("socket") }
    // The other way to the same flag, as older servers take it.
    if behaviours.accepting == .nonblocking { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }

    setOption(SO_REUSEADDR, level: SOL_SOCKET, to: 1, on: descriptor)
    if behaviours.bindsTwice { setOption(SO_REUSEPORT, level: SOL_SOCKET, to: 1, on: descriptor) }
    if behaviours.addressing == .mappedV6 || behaviours.addressing == .wildcardV6 {
      setOption(IPV6_V6ONLY, level: Int32(IPPROTO_IPV6), to: 0, on: descriptor)
    }
    if behaviours.setsSocketOptions {
      setOption(SO_KEEPALIVE, level: SOL_SOCKET, to: 1, on: descriptor)
      setOption(TCP_NODELAY, level: Int32(IPPROTO_TCP), to: 1, on: descriptor)
      setOption(SO_RCVBUF, level: SOL_SOCKET, to: 65_536, on: descriptor)
    }
    return descriptor
  }

  /// dup(2) clears FD_CLOEXEC; a server that wants it set copies in another way.
  private static func copy(_ descriptor: Int32, _ behaviours: Behaviours) -> Int32 {
    let copy = behaviours.closesOnExec ? fcntl(descriptor, F_DUPFD_CLOEXEC, 0) : dup(descriptor)
    guard copy >= 0 else { dieOfSystemError("dup") }
    return copy
  }

  /// Whoever put another socket in place of ours must have kept what we set on it.
  private static func check(_ descriptor: Int32, _ behaviours: Behaviours) {
    let closesOnExec = fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0
    if closesOnExec != behaviours.closesOnExec {
      die("FD_CLOEXEC is \(closesOnExec ? "set" : "not set") after bind", exitCode: 5)
    }
    if behaviours.accepting == .nonblocking && !hasStatusFlag(O_NONBLOCK, descriptor) {
      die("O_NONBLOCK is not set after bind", exitCode: 4)
    }
  }

  /// A connection inherits these from its listener.
  static func checkAccepted(_ connection: Int32, _ behaviours: Behaviours) {
    guard behaviours.setsSocketOptions else { return }
    let keepsAlive = option(SO_KEEPALIVE, level: SOL_SOCKET, of: connection)
    let noDelay = option(TCP_NODELAY, level: Int32(IPPROTO_TCP), of: connection)
    if keepsAlive != 1 || noDelay != 1 {
      die("accepted connection has SO_KEEPALIVE \(keepsAlive), TCP_NODELAY \(noDelay)", exitCode: 6)
    }
  }
}
