import Linux
import Torpor
import Units

/// What was asked for, checked.
extension RunCommand {
  func options() throws -> ServiceOptions {
    guard let program = command.first else {
      throw mistake("a command is missing: torpor run -l 127.0.0.1:6379 -- redis-server --port 6379")
    }
    guard !listen.isEmpty else { throw mistake("an address to hold is missing: -l 127.0.0.1:6379") }
    let base = program.split(separator: "/").last.map(String.init) ?? program
    do {
      var options = ServiceOptions(
        name: name ?? base, command: command, listen: try listen.map { try ListenAddress(naming: $0) },
        idleTimeout: try TimeSpan.parse(idle ?? "30min"))
      if let twice = repeated(options.listen) { throw mistake("\(twice) is named twice") }
      guard isName(options.name) else {
        throw mistake("'\(options.name)' can't be a name: letters, digits and . _ - : @ are allowed")
      }
      options.handover = handover
      try setRelay(&options)
      try setConnections(&options)
      try setWatch(&options)
      options.environment = try env.map { try variable($0) }
      options.readiness = ready ?? .auto
      options.startsAtOnce = start
      options.mayKill = mayKill
      try setRest(&options)
      options.startTimeout = try TimeSpan.parse(startTimeout)
      options.stopTimeout = try TimeSpan.parse(stopTimeout)
      guard let signal = Signal(stopSignal) else {
        throw mistake("'\(stopSignal)' is no signal: TERM, SIGQUIT, RTMIN+3, 15")
      }
      options.execution.killSignal = signal.number
      options.writesJSON = json
      if let socketMode {
        guard let mode = UInt32(socketMode, radix: 8), mode <= 0o777 else {
          throw mistake("'\(socketMode)' is no mode: octal digits up to 777, as for chmod")
        }
        options.socketMode = mode
      }
      options.neverMigrates = Environment.all.contains("TORPOR_NO_MIGRATION=1")
      if let user {
        guard let account = Account(named: user) else { throw mistake("there is no user '\(user)'") }
        options.account = account
      }
      return options
    } catch let error as ListenAddress.Malformed {
      throw mistake(error.description)
    } catch let error as TimeSpan.Malformed { throw mistake(error.description) }
  }

  private func variable(_ text: String) throws -> String {
    guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
      throw mistake("'\(text)' is no NAME=VALUE")
    }
    let name = String(text[..<equals])
    guard !ServiceOptions.ownVariables.contains(name) else { throw mistake("\(name) is set by torpor itself") }
    return text
  }

  private func repeated(_ addresses: [ListenAddress]) -> String? {
    var seen: Set<String> = []
    return addresses.flatMap(\.names).first { !seen.insert($0).inserted }
  }

  /// It becomes part of a cgroup's name.
  private func isName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 100
      && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-:@".contains($0)) } && text != "."
      && text != ".."
  }

  private func setConnections(_ options: inout ServiceOptions) throws {
    guard handover == .inetd else {
      if maxConnections != nil { throw mistake("--max-connections has a meaning with --handover inetd only") }
      return
    }
    let senseless = [
      ("--idle", idle != nil), ("--ready", ready != nil), ("--start", start), ("--may-kill", mayKill),
      ("--rest", rest != .stop),
      ("--connections", connections != .open), ("--senses", senses != nil), ("--busy-check", busyCheck != nil),
      ("--ignore-source", !ignoreSource.isEmpty),
    ].first { $0.1 }
    if let senseless {
      throw mistake("\(senseless.0) has no meaning with --handover inetd: each connection's process ends by itself")
    }
    guard let maxConnections else { return }
    guard maxConnections > 0 else { throw mistake("--max-connections is a number from 1 on") }
    options.connectionsMax = maxConnections
  }

  private func setWatch(_ options: inout ServiceOptions) throws {
    options.watch.connections = connections
    if let senses {
      do throws(SenseTable.UnknownName) { options.watch.senses = try SenseTable.names(in: senses) } catch {
        throw mistake("--senses: \(error)")
      }
    }
    guard let share = WatchOptions.share(processingThreshold) else {
      throw mistake("--processing-threshold is a share of one processor: 1%, 0.5%")
    }
    options.watch.processingThreshold = share
    if let busyCheck {
      guard !busyCheck.isEmpty else { throw mistake("--busy-check takes a command") }
      options.watch.busyCheck = ["/bin/sh", "-c", busyCheck]
    }
    options.watch.ignoredSources = try ignoreSource.map { text in
      guard let range = SourceRange(text) else {
        throw mistake("--ignore-source: '\(text)' is no address, nor ADDRESS/BITS with no bits set behind these")
      }
      return range
    }
  }

  private func setRest(_ options: inout ServiceOptions) throws {
    options.rest =
      switch rest {
      case .stop: .stop
      case .freeze: .freeze
      }
    guard let stopAfterFrozen else { return }
    guard rest == .freeze else { throw mistake("--stop-after-frozen has a meaning with --rest freeze only") }
    options.stopAfterFrozen = try TimeSpan.parse(stopAfterFrozen)
  }

  private func setRelay(_ options: inout ServiceOptions) throws {
    guard handover == .relay else {
      if to != nil { throw mistake("--to has a meaning with --handover relay only") }
      if proxyProtocol != nil { throw mistake("--proxy-protocol has a meaning with --handover relay only") }
      return
    }
    guard let to else {
      throw mistake("--handover relay takes the address that the service binds by itself: --to 127.0.0.1:8081")
    }
    options.relayTarget = try RelayTarget(to)
    options.proxyProtocol = proxyProtocol
  }
}

/// What the person asked for can't be meant.
private func mistake(_ text: String) -> ServiceError { ServiceError(text, exitCode: 2) }
