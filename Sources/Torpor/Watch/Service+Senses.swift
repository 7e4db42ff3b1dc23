import Lifecycle
import Linux

/// What a service is watched by. Of thousands of services most are never looked at, so it is made at the first look, and kept for
/// as long as the same sockets are held.
final class ServiceSenses {
  /// nil: no TCP address is held.
  let connections: ConnectionSense?
  let datagrams: DatagramSense?
  /// nil: nothing is held that has a name.
  let unix: UnixSense?
  /// What else than connections keeps it up.
  fileprivate(set) var board: SenseBoard?
  /// nil: it isn't asked for its own word.
  fileprivate(set) var busyCheck: BusyCheck?

  fileprivate init(_ service: Service) {
    connections =
      service.tcpSockets.isEmpty
      ? nil : ConnectionSense(tables: service.tables) { [unowned service] in service.tcpSockets }
    unix =
      service.signalledSockets.isEmpty
      ? nil : UnixSense(tables: service.tables, loop: service.loop) { [unowned service] in service.signalledSockets }
    datagrams =
      service.datagramSockets.isEmpty ? nil : DatagramSense { [unowned service] in service.datagramSockets }
  }
}

extension Service {
  var sense: ConnectionSense? { allSenses.connections }
  var datagramSense: DatagramSense? { allSenses.datagrams }
  var unixSense: UnixSense? { allSenses.unix }
  var senses: SenseBoard? { allSenses.board }
  var busyCheck: BusyCheck? { allSenses.busyCheck }

  private var allSenses: ServiceSenses {
    if let madeSenses { return madeSenses }
    let made = ServiceSenses(self)
    madeSenses = made
    connect(made)
    configureSenses()
    return made
  }

  private func connect(_ made: ServiceSenses) {
    made.connections?.onClose = { [weak self] in self?.post(.connectionClosed) }
    made.datagrams?.onWarning = { [weak self] in self?.narrator.warn($0) }
    made.unix?.onUse = { [weak self] in self?.post(.connectionClosed) }
    made.unix?.onWarning = { [weak self] in self?.narrator.warn($0) }
    made.unix?.processes = { [weak self] in self?.processes.pids ?? [] }
    made.unix?.onIgnored = { [weak self] in self?.abandonUnread($0) }
  }

  /// As its options say now. Those that look at the held sockets stay as they are, as what they have seen of these stays true.
  func configureSenses() {
    guard let made = madeSenses else { return }
    let configuration = lifecycle.configuration
    let allowsSilence = options.watch.connections == .active || configuration.allowsSilence
    made.connections?.options = options.watch
    made.connections?.processes = processes
    made.connections?.followsTraffic = allowsSilence
    // Of a unix socket nobody tells whether it is silent. One that is frozen goes on as soon as it isn't.
    made.unix?.allowsSilence = allowsSilence && !(configuration.rest == .freeze && configuration.canFreeze)
    made.unix?.patience = options.startTimeout
    made.board = SenseBoard(
      SenseSubject(
        options: options.watch, processes: processes,
        heldAddresses: { [weak self] in self?.tcpSockets.map(\.address) ?? [] },
        heldUnixInodes: { [weak self] in self?.unixSense?.heldInodes ?? [] }))
    made.board?.onBlind = { [weak self] in self?.narrator.warn("\($0): the service counts as busy") }
    if isRunning { made.board?.begin(at: now) }
    made.busyCheck?.abandon()
    disregardsVisits(false)
    made.busyCheck = options.watch.busyCheck.map {
      BusyCheck(
        $0, limit: options.watch.busyCheckTimeout, account: Account.effectiveUser == 0 ? options.account : nil,
        processes: processes, loop: loop)
    }
  }

  /// While it may be asked something: the answer that is under way comes to nothing, and the core asks no more before it has one.
  func changeSenses() {
    configureSenses()
    answerLooks(nil)
  }

  /// The check may well be a client of the service.
  func disregardsVisits(_ isChecking: Bool) {
    madeSenses?.connections?.disregardsLocalVisits = isChecking
    madeSenses?.unix?.disregardsVisits = isChecking
  }
}
