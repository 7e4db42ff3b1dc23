// What is to be told of a service beside what has happened.

extension Lifecycle {
  /// It was started to be checked, and the check isn't over.
  public var isVerifying: Bool { instance?.isVerification ?? false }

  /// The next look tells of the work of its own start, which isn't use.
  public var disregardsOwnStart: Bool { instance?.ownStartLook != nil }

  /// When a running service could be put to rest at the soonest, if nothing more happens; nil: it doesn't run, or there is
  /// something that keeps it up without end.
  public var earliestRest: Instant? {
    guard case .running(let running) = state, mayRest(running.instance), let idleTimeout = configuration.idleTimeout
    else { return nil }
    let idle = idleEnd(running, idleTimeout)
    return Self.later(idle, running.instance.readyAt?.advanced(by: configuration.minimumUptime))
  }
}
