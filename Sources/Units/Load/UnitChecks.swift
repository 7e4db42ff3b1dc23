/// What only a whole unit can show to be wrong: each key may be well, and the sum not.
struct UnitChecks {
  private let unit: Unit
  private let entries: [Entry]
  private let mainFile: String
  private var found: [Diagnostic] = []

  static func check(
    _ unit: Unit, _ entries: [Entry], mainFile: String, isKnown: (String) -> Bool,
    _ diagnostics: inout [Diagnostic]
  ) {
    // Where something couldn't be read, what is missing is no news.
    guard !diagnostics.contains(where: \.isError) else { return }
    var checks = UnitChecks(unit: unit, entries: entries, mainFile: mainFile)
    checks.checkSockets()
    checks.checkService()
    checks.checkIdle()
    checks.checkOthers(isKnown)
    diagnostics += checks.found
  }

  private init(unit: Unit, entries: [Entry], mainFile: String) {
    self.unit = unit
    self.entries = entries
    self.mainFile = mainFile
  }

  /// Points at the last line that sets a key; else at the beginning of the unit.
  private mutating func tell(
    _ section: String, _ key: String, _ message: String, as severity: Diagnostic.Severity = .error
  ) {
    let entry = entries.last { $0.key == key && $0.section == section && !$0.isReset }
    found.append(
      entry?.diagnostic(severity, at: 0, message)
        ?? Diagnostic(severity, file: mainFile, position: Position(line: 1, column: 1), message: message))
  }

  private mutating func checkSockets() {
    for socket in unit.sockets {
      if socket.listen.isEmpty {
        tell(
          "Socket", "",
          "\(socket.unitName) listens on nothing: [Socket] has no ListenStream=, ListenDatagram=, ListenSequentialPacket= or ListenFIFO="
        )
      }
      if socket.accept {
        if socket.listen.contains(where: { !$0.isConnectionOriented }) {
          tell(
            "Socket", "Accept",
            "Accept=yes needs sockets that have connections: ListenStream= or ListenSequentialPacket=")
        }
        if socket.service != nil {
          tell("Socket", "Service", "Service= can't be combined with Accept=yes, which starts NAME@.service")
        }
      }
      if socket.socketOptions.contains(where: { $0.name == "Timestamping" }), socket.listen.contains(where: \.isUDP) {
        tell(
          "Socket", "Timestamping",
          "Timestamping= can't be had of UDP sockets: the kernel would no longer keep the stamps that tell how long they have been idle; the service may ask for its own, and is then never put to rest"
        )
      }
      let paths = socket.listen.count { if case .path = $0.address { true } else { false } }
      if !socket.symlinks.isEmpty, paths != 1 {
        tell("Socket", "Symlinks", "Symlinks= needs exactly one path that is held, and there are \(paths)")
      }
    }
    if unit.sockets.contains(where: { $0.accept != unit.socket.accept }) {
      tell("Socket", "Accept", "the sockets of one service must all have the same Accept=")
    }
    if unit.sockets.count > 1, unit.socket.accept {
      tell(
        "Socket", "Accept", "with Accept=yes a service has one socket unit, and \(unit.name) has \(unit.sockets.count)")
    }
  }

  private mutating func checkService() {
    let service = unit.service
    let isOneshot = service.kind == .oneshot
    if service.execStart.isEmpty {
      if !isOneshot || service.execStop.isEmpty {
        tell("Service", "Type", "\(unit.name) has no command: [Service] has no ExecStart=")
      }
    } else if service.execStart.count > 1, !isOneshot {
      tell(
        "Service", "ExecStart",
        "only Type=oneshot may have more than one ExecStart= (an empty ExecStart= resets the earlier ones)")
    }
    for name in service.sockets where !unit.sockets.contains(where: { $0.unitName == name }) {
      tell(
        "Service", "Sockets",
        "Sockets=\(name) has no effect: there is no such socket unit, or it starts a service of its own",
        as: .warning)
    }
    if isOneshot, service.restart == .always || service.restart == .onSuccess {
      tell("Service", "Restart", "Type=oneshot can't be combined with Restart=\(service.restart.rawValue)")
    }
    if isOneshot, service.restartForceExitStatus != ExitStatusSet() {
      tell("Service", "RestartForceExitStatus", "Type=oneshot can't be combined with RestartForceExitStatus=")
    }
    if isOneshot, service.runtimeMax != nil {
      tell("Service", "RuntimeMaxSec", "RuntimeMaxSec= has no effect with Type=oneshot", as: .warning)
    }
    if unit.socket.accept, service.kind == .forking {
      tell("Service", "Type", "Type=forking can't be combined with Accept=yes")
    }
  }

  /// Units that it starts.
  private mutating func checkOthers(_ isKnown: (String) -> Bool) {
    for (key, names) in [("OnFailure", unit.unit.onFailure), ("OnSuccess", unit.unit.onSuccess)] {
      for name in names where UnitName(name).map({ !isKnown($0.stem) }) ?? true {
        tell("Unit", key, "\(key)=\(name) starts nothing: this manager has no such unit", as: .warning)
      }
    }
  }

  private mutating func checkIdle() {
    let idle = unit.idle
    if unit.socket.accept, let handover = idle.handover, handover != .inetd {
      tell("X-Idle", "Handover", "Handover=\(handover.rawValue) can't be combined with Accept=yes")
    }
    if !unit.socket.accept, idle.handover == .inetd {
      tell("X-Idle", "Handover", "Handover=inetd needs Accept=yes in [Socket]")
    }
    let addresses = unit.sockets.flatMap(\.listen)
    if idle.handover == nil, unit.handover == .inetdWait, addresses.count > 1 {
      tell("Service", "StandardInput", "StandardInput=socket passes one socket, and there are \(addresses.count)")
    }
    if idle.handover == .inetdWait, addresses.count > 1 {
      tell("X-Idle", "Handover", "Handover=inetd-wait passes one socket, and there are \(addresses.count)")
    }
    if idle.handover == .relay {
      if idle.relayTo == nil {
        tell("X-Idle", "Handover", "Handover=relay needs RelayTo=, the address that the service listens on")
      }
      if let target = idle.relayTo, addresses.contains(where: { $0.address == target.address }) {
        tell("X-Idle", "RelayTo", "RelayTo=\(target) is an address that is held: it would be relayed to itself")
      }
    } else {
      if idle.relayTo != nil { tell("X-Idle", "RelayTo", "RelayTo= needs Handover=relay") }
      if idle.proxyProtocol != .no { tell("X-Idle", "ProxyProtocol", "ProxyProtocol= needs Handover=relay") }
    }
    if idle.verify == .no, idle.verifyCheck != nil, idle.start != .boot {
      tell("X-Idle", "VerifyCheck", "VerifyCheck= is run by 'torpor verify' alone, as there is no Verify=", as: .note)
    }
    checkRest(idle)
    checkPlaceholders()
  }

  private mutating func checkRest(_ idle: IdleSection) {
    if idle.rest == .freeze, unit.handover == .inetd {
      tell("X-Idle", "Rest", "none is frozen: each connection has a process that ends with it", as: .warning)
    }
    if idle.stopAfterFrozen != nil, idle.rest != .freeze {
      tell("X-Idle", "StopAfterFrozenSec", "it is never frozen without Rest=freeze", as: .warning)
    }
  }

  /// Placeholders name sockets, and the names are known here.
  private mutating func checkPlaceholders() {
    let service = unit.service
    let groups: [(String, [Template])] = [
      ("ExecStart", service.execStart.flatMap(\.arguments)),
      ("Environment", service.execution.environment.map(\.value)),
    ]
    for (key, templates) in groups {
      for case .descriptor(let name) in templates.flatMap(\.placeholders) {
        let matching = unit.sockets.filter { name == nil || $0.descriptorName == name }
        let count = matching.reduce(0) { $0 + $1.listen.count }
        let placeholder = Placeholder.descriptor(name: name)
        if count == 0 {
          let names = unit.sockets.map { "'\($0.descriptorName)'" }.joined(separator: ", ")
          tell("Service", key, "\(placeholder) names no socket: FileDescriptorName= says \(names)")
        } else if matching.contains(where: { socket in
          // A port without an address may be two sockets.
          socket.listen.count > 1
        }) || matching.count > 1 {
          tell(
            "Service", key, "\(placeholder) means one socket, and there are \(count): use %{fds}, or a socket unit each"
          )
        }
      }
    }
  }
}
