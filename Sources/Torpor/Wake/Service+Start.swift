import Lifecycle
import Linux

/// How an instance gets what it needs, and what is let go of with it.
extension Service {
  func spawn() {
    context.client = nil
    context.lastLine = nil
    context.failureText = nil
    context.givenBackBytes = nil
    do throws(Errno) { try prepare() } catch {
      endInstance()
      context.failureText = launcher.describe(Spawn.Failure(step: .descriptors, errno: error)).description
      return post(.spawnFailed)
    }
    execution.start()
  }

  func connect(_ execution: Execution) {
    execution.startMain = { [weak self] () throws(LaunchFailure) in try self?.startMain() }
    execution.standard = { [weak self] in self?.standardDescriptors(input: nil) }
    execution.notifySocket = { [weak self] in self?.notifyReceiver?.name }
    execution.onFailure = { [weak self] in self?.context.failureText = $0 }
    execution.onWarning = { [weak self] in self?.narrator.warn($0) }
    execution.onEvent = { [weak self] in self?.executionTells($0) }
  }

  private func executionTells(_ event: Event) {
    // Its last words are still in the pipe.
    if case .mainExited(_, hasSuccessor: false) = event { output.drain(isOver: false) }
    post(event)
    if event == .spawned { front?.begin(asks: !options.listensForReadiness) }
  }

  private func startMain() throws(LaunchFailure) {
    guard let standard = standardDescriptors(input: passedInput) else { return }
    try begin(
      try launcher.start(
        sockets: sockets.map(\.number), passed: passedSockets, notifications: notifications,
        variables: execution.mainProcessVariables, standard: standard, processes: processes))
    if !execution.hasCommands { letGoOfStreams() }
    if options.execution.kind != .notify { watchdog.begin(options.execution.watchdog) }
  }

  /// nil: no more processes are to be started.
  private func standardDescriptors(input: Int32?) -> StandardDescriptors? {
    switch nothing {
    case .some(let nothing):
      StandardDescriptors(
        input: input ?? nothing.number, output: output.standardOutput, error: output.standardError)
    case .none: nil
    }
  }

  private func letGoOfStreams() {
    output.handedOver()
    nothing = nil
  }

  /// The socket that is the service's standard input.
  private var passedInput: Int32? { options.handover == .inetdWait ? sockets.first?.number : nil }

  /// All that an instance gets anew.
  private func prepare() throws(Errno) {
    for socket in sockets { socket.stopRelaying() }
    // An earlier instance may have left its own flags on the open file.
    for socket in sockets { try socket.setNonBlocking(false) }
    try listenForNotifications()
    try output.begin()
    nothing = try .null()
  }

  private func begin(_ process: consuming Spawn.Process) throws(LaunchFailure) {
    var adoption: Adoption?
    do throws(Errno) {
      if let trap = try callTrap(process.listener.take()) {
        let made = Adoption(
          trap, sockets: sockets, deferringUntil: options.listensForReadiness ? notifyReceiver?.address : nil,
          loop: loop, disposal: disposal)
        made.onAdopted = { [weak self] in self?.adopted($0) }
        made.onWarning = { [weak self] in self?.narrator.warn($0) }
        made.onRelayed = { [weak self] in self?.tellRelaying($0, $1) }
        made.isStarting = { [weak self] in self?.isStarting ?? false }
        adoption = made
      }
    } catch {
      try? process.handle.send(signal: 9)
      throw launcher.describe(Spawn.Failure(step: .filter, errno: error))
    }
    context.pid = process.handle.pid
    processes.begin(main: process.takeHandle(), adoption: adoption)
  }

  /// By what its bind() comes to us; nil: not at all.
  private func callTrap(_ listener: consuming SeccompListener?) throws(Errno) -> (any CallTrap)? {
    if let listener { return try SeccompTrap(listener, loop: loop, disposal: disposal) }
    let trap = launcher.shim?.takeTrap()
    trap?.isOurs = { [weak self] in self?.processes.contains($0) ?? false }
    return trap
  }

  private func tellRelaying(_ reason: Adoption.RelayReason, _ names: [String]) {
    guard toldRelays.insert(reason).inserted else { return }
    let list = names.joined(separator: ", ")
    switch reason {
    case .otherCall:
      narrator.warn(
        "it says READY=1 by another call than libsystemd's sd_notify(), at which no socket can be put in place: "
          + "connections to \(list) are relayed; if it takes none before it is ready, --ready auto serves them directly"
      )
    case .otherProcess:
      narrator.warn(
        "another process than the one that says READY=1 has its listening sockets: connections to \(list) are relayed; "
          + "if it takes none before it is ready, --ready auto serves them directly")
    }
  }

  /// What can only be said when it is known what could be held.
  func checkOptions() throws(ServiceError) {
    try launcher.check(passedSockets)
    if options.handover == .inetdWait, sockets.count > 1 {
      throw ServiceError(
        "--handover inetd-wait is for one socket, and there are \(sockets.count): "
          + context.listening.joined(separator: ", "), exitCode: 2)
    }
    if options.handover == .relay, let socket = sockets.first(where: { !$0.isByteStream }) {
      throw ServiceError("\(socket.name) can't be relayed: --handover relay is for streams of bytes", exitCode: 2)
    }
  }

  /// The sockets as the service gets them, in the order of its descriptors.
  private var passedSockets: [PlaceholderText.Socket] {
    sockets.enumerated().map { position, socket in
      PlaceholderText.Socket(
        name: options.listen[socket.nameIndex].name ?? options.defaultSocketName, address: socket.name,
        number: 3 + Int32(position))
    }
  }

  func adopted(_ index: Int) {
    post(.adopted(socket: index))
    // One that binds some of its sockets and is told the numbers of others has these, too: they are not forgotten ones.
    for position in launcher.named(passedSockets) { post(.adopted(socket: sockets[position].index)) }
    // No bind() tells that the service opens a FIFO: it does when it does the like with all else.
    for fifo in sockets where fifo is HeldFIFO && fifo.index != index { post(.adopted(socket: fifo.index)) }
    guard let socket = sockets.first(where: { $0.index == index }), !socket.isHandedOver else { return }
    socket.watch(for: .connections)
  }

  private var isStarting: Bool {
    if case .starting = lifecycle.state { true } else { false }
  }

  /// Lets go of what belongs to one instance.
  func endInstance() {
    letGoOfStreams()
    output.drain(isOver: true)
    context.lastLine = output.lastLine
    madeRuntime?.watchdog.end()
    statusText = nil
    notifyReceiver?.close()
    notifyReceiver = nil
    for socket in sockets { socket.instanceEnded() }
  }
}
