import Linux

/// All that passes on for one service what comes to us in its place. Most services never need any of it: each kind is made when it is.
final class ServiceRelays {
  private let loop: EventLoop
  private let reachTimeout: Duration?
  weak var owner: (any RelayOwner)?
  private var madeTCP: Relays?
  private var madeUnix: UnixRelays?
  private var madeLeftovers: Leftovers?

  /// `reachTimeout`: how long an accepted connection may wait for the service to be reachable; nil: for ever.
  init(loop: EventLoop, reachTimeout: Duration?) {
    self.loop = loop
    self.reachTimeout = reachTimeout
  }

  var tcp: Relays {
    if let madeTCP { return madeTCP }
    let made = Relays(loop: loop, reachTimeout: reachTimeout)
    made.onRoom = { [weak self] in self?.owner?.relaysHaveRoom() }
    made.onWarning = { [weak self] in self?.owner?.relaysWarn($0) }
    madeTCP = made
    return made
  }

  var unix: UnixRelays {
    if let madeUnix { return madeUnix }
    let made = UnixRelays(loop: loop)
    made.onEnd = { [weak self] in
      self?.madeLeftovers?.resume()
      self?.owner?.relaysHaveRoom()
    }
    made.onWarning = { [weak self] in self?.owner?.relaysWarn($0) }
    madeUnix = made
    return made
  }

  var leftovers: Leftovers {
    if let madeLeftovers { return madeLeftovers }
    let made = Leftovers(relays: unix, loop: loop)
    made.onWarning = { [weak self] in self?.owner?.relaysWarn($0) }
    madeLeftovers = made
    return made
  }

  /// Nobody is served by way of a path that is no longer held.
  func forget(_ socket: HeldUnixSocket) { madeLeftovers?.forget(socket) }

  /// The service is gone: passes on what it has sent, for a while at most, and then calls `body`.
  func finish(within limit: Duration, _ body: @escaping () -> Void) {
    if let madeTCP { madeTCP.finish(within: limit, body) } else { body() }
  }
}

/// Whose relays they are.
protocol RelayOwner: AnyObject {
  /// There may be descriptors again for what had to wait.
  func relaysHaveRoom()
  func relaysWarn(_ message: String)
}
