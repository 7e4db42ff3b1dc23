import Linux

/// One held address: its sockets, and how the loop watches the current one.
final class HeldSocket {
  /// What the loop looks for on the current socket.
  enum Watch { case connections, shutDownOnly }

  let index: Int
  /// Sockets with the same number were named by one word: "8080" is 127.0.0.1:8080 and [::1]:8080.
  let nameIndex: Int
  var group: ReuseportGroup
  /// Where our own relay takes its connections, when the service's one bind() to a wildcard covers this address, too:
  /// it can have only one of the sockets.
  var relayTarget: SocketAddress?
  private let loop: EventLoop
  private var token: EventLoop.Token?
  private var watch = Watch.shutDownOnly
  /// Called with whether the socket was shut down; else somebody waits.
  var onEvent: ((_ isShutDown: Bool) -> Void)?

  init(_ socket: ListenAddress.Socket, index: Int, nameIndex: Int, loop: EventLoop) throws(Errno) {
    self.index = index
    self.nameIndex = nameIndex
    self.loop = loop
    do throws(Errno) {
      group = try ReuseportGroup(socket.address, isIPv6Only: socket.isIPv6Only)
    } catch {
      guard let fallback = socket.fallback, Self.meansNoIPv6(error) else { throw error }
      group = try ReuseportGroup(fallback, isIPv6Only: false)
    }
  }

  /// What bind and socket say of an IPv6 address where IPv6 is off.
  static func meansNoIPv6(_ error: Errno) -> Bool { error == .noFamily || error == .notAvailable }

  var address: SocketAddress { group.address }

  /// Watches for connections, or only for a shutdown() by the service, which nothing but EPOLLHUP announces.
  func watch(for wanted: Watch) {
    watch = wanted
    let readiness: Readiness = wanted == .connections ? .readable : []
    if let token {
      loop.change(token, group.current.descriptor, to: readiness)
    } else {
      token = try? loop.add(group.current.descriptor, for: readiness) { [weak self] in self?.handle($0) }
    }
  }

  /// Before the current socket is closed or replaced.
  func unwatch() {
    if let token { loop.remove(token, group.current.descriptor) }
    token = nil
  }

  /// Nobody listens here any more: neither we nor the service, which may have the same socket by LISTEN_FDS.
  func abandon() {
    unwatch()
    group.current.shutDown(2 /* SHUT_RDWR */)
  }

  private func handle(_ readiness: Readiness) {
    if readiness.contains(.hangUp) {
      // Level-triggered: it would be told again and again until the socket listens.
      unwatch()
      onEvent?(true)
    } else if watch == .connections {
      onEvent?(false)
    }
  }

  /// The sockets that a relay doesn't serve have two generations.
  var isHandedOver: Bool { relayTarget == nil }

  func swap() throws(Errno) -> Int {
    unwatch()
    return try group.swap()
  }
}
