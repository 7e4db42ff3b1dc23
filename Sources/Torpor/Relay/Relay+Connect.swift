import Linux

// Reaching the service, again and again if need be.

extension Relay {
  func watchService() throws(Errno) {
    try service.watch(loop) { [weak self] in self?.serviceEvent($0) }
  }

  func connect() {
    do throws(Errno) {
      phase = .connecting
      let isConnected = try target.connect(service, for: client)
      try watchService()
      if isConnected { open() }
    } catch {
      // It would be somebody else to the service, however often it is tried.
      if error == .notPermitted, case .unix = target { return giveUp(error) }
      fail(error)
    }
  }

  func connectEnded() {
    if let error = service.socket.pendingError() { return fail(error) }
    if target.isMistaken(service) { return fail(.refused) }
    open()
  }

  /// Not the end: a service that is about to start or to restart may be reached a moment later.
  func fail(_ error: Errno) {
    service.unwatch(loop)
    let now = MonotonicClock.now()
    if let giveUpAt, giveUpAt <= now { return giveUp(error) }
    hasFailed = true
    phase = .waiting(until: retry.next(after: now))
    owner.failed(self, error)
  }

  func tryAgain() {
    // A socket that has failed to connect is replaced: no address family says what it is good for then.
    do throws(Errno) { service = try target.makeEnd() } catch { return fail(error) }
    connect()
  }

  /// The service serves again: no need to wait for the next try. `end`: a connection to it that nobody else needs.
  func retryNow(by end: RelayEnd?) {
    guard case .waiting = phase else { return }
    guard let end else { return tryAgain() }
    service = end
    do throws(Errno) {
      try watchService()
      open()
    } catch { fail(error) }
  }

  func giveUp(_ error: Errno) {
    owner.gaveUp(self, error)
    abort()
  }

  /// Ends one that has not been served: an end without RST would look like an answer.
  func abort() {
    client.socket.resetOnClose()
    end()
  }

  func open() {
    phase = .open
    hasFailed = false
    service.socket.setUpForRelay()
    service.isWritable = true
    owner.opened(self)
    move()
  }
}
