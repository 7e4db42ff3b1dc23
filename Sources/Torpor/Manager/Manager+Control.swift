import Linux

extension Manager: ManagerControl {
  /// Of a name that was typed: with a suffix, as systemd's tools take it, or without.
  private func unit(_ name: String) throws(ControlFailure) -> ManagedUnit {
    if let unit = units[name] { return unit }
    for suffix in [".torpor", ".service", ".socket"] where name.hasSuffix(suffix) {
      if let unit = units[String(name.dropLast(suffix.count))] { return unit }
    }
    if invalid[name] != nil { throw .notNow("its files have mistakes: see 'torpor check'") }
    throw .noSuchUnit(name)
  }

  public func status(of name: String) -> UnitStatus? {
    if let faulty = invalid[name] {
      return UnitStatus(
        name: name, state: .invalid, since: startedAt, file: faulty.files.first ?? "",
        warnings: faulty.diagnostics.map(\.description))
    }
    return (try? unit(name)).map { $0.status(journal.state) }
  }

  public func settings(of name: String) -> UnitSettings? { (try? unit(name))?.settings(settings.logDirectory) }

  public func explanation(of name: String) -> UnitExplanation? { (try? unit(name))?.explanation(journal.state) }

  public func wake(_ name: String, completion: @escaping (Result<WakeOutcome, ControlFailure>) -> Void) {
    do throws(ControlFailure) { try unit(name).wake(completion) } catch { completion(.failure(error)) }
  }

  public func rest(_ name: String, completion: @escaping (Result<RestOutcome, ControlFailure>) -> Void) {
    do throws(ControlFailure) { try unit(name).rest(completion) } catch { completion(.failure(error)) }
  }

  public func hold(
    _ name: String, seconds: Double?, reason: String?, by peer: ControlPeer
  ) throws(ControlFailure) -> UnitHold {
    let holder = peer.name.map { "\($0)[\(peer.pid)]" } ?? "[\(peer.pid)]"
    return try unit(name).holdsToChange.add(seconds: seconds, reason: reason, holder: holder)
  }

  public func release(_ name: String, id: Int?) throws(ControlFailure) -> Int {
    try unit(name).holdsToChange.release(id)
  }

  public func verify(_ name: String, completion: @escaping (Result<UnitVerification, ControlFailure>) -> Void) {
    do throws(ControlFailure) { verifications.ask(try unit(name).name, completion) } catch {
      completion(.failure(error))
    }
  }
}
