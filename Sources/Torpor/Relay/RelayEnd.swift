import Linux

/// One of the two connections of a relay. Watched edge-triggered: the kernel says once that something has changed, and what it
/// said holds until a call says EAGAIN. So nothing has to be asked anew for each packet, and a side that is half closed or
/// dead is told once and not in every turn of the loop.
final class RelayEnd {
  let socket: TCPSocket
  private var token: EventLoop.Token?
  var isReadable = false
  var isWritable = false
  /// Its peer has reset it, or can't be reached any more.
  var isDead = false
  /// A unix socket's peer has closed it, and doesn't only say no more. Of a TCP connection nothing tells the two apart.
  private(set) var isHungUp = false

  init(_ socket: consuming TCPSocket) { self.socket = socket }

  private static let interest: Readiness = [.readable, .writable, .edgeTriggered]

  func watch(_ loop: EventLoop, _ handler: @escaping EventLoop.Handler) throws(Errno) {
    token = try loop.add(socket.descriptor, for: Self.interest, handler)
  }

  func unwatch(_ loop: EventLoop) {
    if let token { loop.remove(token, socket.descriptor) }
    token = nil
  }

  func note(_ readiness: Readiness) {
    // An error or a hang-up is met by whatever call comes next.
    let isOver = !readiness.isDisjoint(with: [.error, .hangUp])
    isReadable = isReadable || isOver || readiness.contains(.readable)
    isWritable = isWritable || isOver || readiness.contains(.writable)
    if readiness.contains(.hangUp), !readiness.contains(.error) { isHungUp = true }
  }

  /// Its peer has said all, and may be gone: asked by a keepalive probe, a closed one answers with RST.
  func askSooner() {
    if !asksSooner { socket.probe(afterSilenceOf: Self.silenceSeconds) }
    asksSooner = true
  }
  private var asksSooner = false
  /// As long as the kernel keeps what a process has closed and its peer hasn't (net.ipv4.tcp_fin_timeout).
  static let silenceSeconds: Int32 = 60

  /// What is ready now is told again, in a later turn of the loop.
  func tellAgain(_ loop: EventLoop) {
    if let token { loop.change(token, socket.descriptor, to: Self.interest) }
  }
}
