import Lifecycle
import Linux

extension Service {
  /// As its options say now. Those that look at the held sockets stay as they are, as what they have seen of these stays true.
  func makeSenses() {
    let configuration = lifecycle.configuration
    let allowsSilence = options.watch.connections == .active || configuration.allowsSilence
    sense?.options = options.watch
    sense?.followsTraffic = allowsSilence
    // Of a unix socket nobody tells whether it is silent. One that is frozen goes on as soon as it isn't.
    unixSense?.allowsSilence = allowsSilence && !(configuration.rest == .freeze && configuration.canFreeze)
    senses = SenseBoard(
      SenseSubject(
        options: options.watch, processes: processes,
        heldPorts: { [weak self] in Set(self?.tcpSockets.map(\.address.port) ?? []) },
        heldUnixInodes: { [weak self] in self?.unixSense?.heldInodes ?? [] }))
    if isRunning { senses?.begin(at: now) }
    busyCheck?.abandon()
    looks = []
    disregardsVisits(false)
    busyCheck = options.watch.busyCheck.map {
      BusyCheck(
        $0, limit: options.watch.busyCheckTimeout, account: Account.effectiveUser == 0 ? options.account : nil,
        processes: processes, loop: loop)
    }
  }

  /// The check may well be a client of the service.
  func disregardsVisits(_ isChecking: Bool) {
    sense?.disregardsLocalVisits = isChecking
    unixSense?.disregardsVisits = isChecking
  }
}
