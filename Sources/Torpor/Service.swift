import Lifecycle
import Linux

/// One service and its held sockets: turns what the kernel says into events of its `Lifecycle`, and carries the actions out.
///
/// No decision is made here. Each action either does one thing or asks one thing, and an answer is one event.
public final class Service: HeldService {
  let options: ServiceOptions
  let loop: EventLoop
  let narrator: Narrator
  var lifecycle: Lifecycle
  /// Those that are still held.
  var sockets: [any HeldSocket] = []
  let tables: SocketTables
  /// nil: no TCP address is held.
  private(set) var sense: ConnectionSense?
  private(set) var datagramSense: DatagramSense?
  /// nil: nothing is held that has a name.
  private(set) var unixSense: UnixSense?
  let processes: ServiceProcesses
  let launcher: Launcher
  let relays: Relays
  let unixRelays: UnixRelays
  let leftovers: Leftovers
  /// Of a service that is relayed to.
  private(set) var front: RelayFront?
  let gracePeriod: GracePeriod
  private let disposal: Disposal
  let output: any InstanceOutput
  var notifyReceiver: NotifyReceiver?
  var context = Narrator.Context()
  /// `Report.waking` was made, and its client isn't known yet.
  var isWakingUntold = false
  /// The first that waited when the service was started, until it has been looked up.
  var wakingClient: WakingClient?
  /// What was told once about sockets that couldn't be put in place.
  private var toldRelays: Set<Adoption.RelayReason> = []
  /// Connections relayed since the last rest was given up.
  var strays = 0

  private let alarm: Alarm
  private var events: [Event] = []
  private var isHandling = false

  /// Holds the sockets. Nothing is started yet.
  convenience init(
    _ options: ServiceOptions, loop: EventLoop, narrator: Narrator, output: any InstanceOutput
  ) throws(ServiceError) {
    try self.init(options, loop: loop, tables: SocketTables(loop: loop), narrator: narrator, output: output)
  }

  /// The same for one of several services, which all share the loop's tables.
  init(
    _ options: ServiceOptions, loop: EventLoop, tables: SocketTables, narrator: Narrator, output: any InstanceOutput
  ) throws(ServiceError) {
    self.options = options
    self.loop = loop
    self.tables = tables
    self.narrator = narrator
    self.output = output
    launcher = try Launcher(options)
    alarm = Alarm(loop: loop)
    processes = ServiceProcesses(loop: loop)
    relays = Relays(loop: loop, reachTimeout: options.startTimeout)
    gracePeriod = GracePeriod(loop: loop)
    disposal = Disposal(loop: loop)
    unixRelays = UnixRelays(loop: loop)
    leftovers = Leftovers(relays: unixRelays, loop: loop)
    sockets = try SocketHolder(
      options: options, relays: relays, unixRelays: unixRelays, leftovers: leftovers, loop: loop
    ).hold()
    let isRelayed = options.handover == .relay
    var configuration = Lifecycle.Configuration(
      // What is relayed is steered by us, who accept it, whatever it is.
      sockets: sockets.map { isRelayed && $0.kind == .fixed ? .unixPath : $0.kind }, idleTimeout: options.idleTimeout,
      readiness: options.readiness == .notify || isRelayed ? .notify : .automatic, canAdopt: launcher.canAdopt,
      canMigrate: isRelayed || !options.neverMigrates && MigrationSetting.enable(), startTimeout: options.startTimeout,
      stopTimeout: options.stopTimeout)
    configuration.mayKill = options.mayKill
    configuration.canFreeze = options.mayKill && processes.canFreeze(in: launcher.cgroupName)
    lifecycle = Lifecycle(configuration: configuration)
    context.listening = sockets.map(\.name)
    context.unsteered = isRelayed ? nil : Unsteered(sockets, configuration)
    for socket in sockets { context.sockets[socket.index] = socket.name }
    do throws(ServiceError) {
      try checkOptions()
      front = try Self.makeFront(options, relays: relays, loop: loop) { [unowned self] in sockets }
    } catch {
      // Paths were made for them.
      for socket in sockets { socket.release() }
      throw error
    }
    if !tcpSockets.isEmpty { sense = ConnectionSense(tables: tables) { [unowned self] in tcpSockets } }
    if !signalledSockets.isEmpty { unixSense = UnixSense(tables: tables) { [unowned self] in signalledSockets } }
    if !datagramSockets.isEmpty { datagramSense = DatagramSense { [unowned self] in datagramSockets } }
    connect()
    if let front { connect(front) }
  }

  var tcpSockets: [HeldTCPSocket] { sockets.compactMap { $0 as? HeldTCPSocket } }
  var datagramSockets: [HeldDatagramSocket] { sockets.compactMap { $0 as? HeldDatagramSocket } }
  var signalledSockets: [any SignalledSocket] { sockets.compactMap { $0 as? any SignalledSocket } }

  private func connect() {
    for socket in sockets {
      socket.watcher.onEvent = { [weak self, index = socket.index] isShutDown in
        self?.socketEvent(index, isShutDown: isShutDown)
      }
    }
    sense?.onClose = { [weak self] in self?.post(.connectionClosed) }
    unixSense?.onUse = { [weak self] in self?.post(.connectionClosed) }
    datagramSense?.onWarning = { [weak self] in self?.narrator.warn($0) }
    unixSense?.onWarning = { [weak self] in self?.narrator.warn($0) }
    unixSense?.processes = { [weak self] in self?.processes.pids ?? [] }
    unixSense?.patience = options.startTimeout
    unixSense?.onIgnored = { [weak self] in self?.abandonUnread($0) }
    processes.onMainExit = { [weak self] status, hasSuccessor in
      // Its last words are still in the pipe.
      if !hasSuccessor { self?.output.drain(isOver: false) }
      self?.post(.mainExited(status, hasSuccessor: hasSuccessor))
    }
    processes.onAllGone = { [weak self] in self?.post(.allProcessesGone) }
    processes.helpers = { [gracePeriod, disposal] in
      disposal.helpers.union(gracePeriod.helper.map { [$0] } ?? [])
    }
    launcher.shim = Shim(for: options.account, loop: loop, disposal: disposal)
    launcher.onWarning = { [weak self] in self?.narrator.warn($0) }
    // A front sees to it by itself.
    if front == nil { relays.onRoom = { [weak self] in self?.resumeRelaying() } }
    relays.onWarning = { [weak self] in self?.narrator.warn($0) }
    unixRelays.onEnd = { [weak self] in
      self?.leftovers.resume()
      self?.resumeRelaying()
    }
    unixRelays.onWarning = { [weak self] in self?.narrator.warn($0) }
    leftovers.onWarning = { [weak self] in self?.narrator.warn($0) }
  }

  /// Begins: sockets armed, and the service started if that is asked for.
  public func begin() throws(Errno) {
    alarm.onDue = { [weak self] in self?.post(.deadlineReached) }
    for action in lifecycle.begin() { carryOut(action) }
    if options.startsAtOnce { post(.startRequested) }
  }

  /// Ends the service, and tells by `onEnd`. A second call does so at once.
  public func stop() {
    if lifecycle.state == .ended { return onEnd?() ?? () }
    post(isStopRequested ? .stopAtOnceRequested : .stopRequested)
    isStopRequested = true
  }
  private var isStopRequested = false
  /// Everything is done, but for what it would be in vain to wait for.
  var onEnd: (() -> Void)?

  /// A child of ours has ended.
  public func childEnded() { processes.reap() }

  // MARK: events

  var now: Instant { Instant(nanoseconds: MonotonicClock.now()) }

  /// Handles an event, and those that carrying its actions out brings, in their order.
  func post(_ event: Event) {
    events.append(event)
    guard !isHandling else { return }
    isHandling = true
    // Ends: every turn answers a question, and the core asks anew only at a later event or deadline.
    while !events.isEmpty {
      for action in lifecycle.handle(events.removeFirst(), at: now) { carryOut(action) }
    }
    isHandling = false
    updateFront()
    alarm.set(to: lifecycle.deadline?.nanoseconds)
  }

  private func socketEvent(_ index: Int, isShutDown: Bool) {
    if isShutDown { return post(.listenerShutDown(socket: index)) }
    guard let socket = sockets.first(where: { $0.index == index }), lifecycle.state != .dormant else {
      return post(.connectionWaiting)
    }
    if let front { return front.accept(from: socket) }
    guard !socket.isHandedOver else { return post(.connectionWaiting) }
    switch lifecycle.state {
    // Whoever relays lead to is leaving or gone: the next instance is who they wait for.
    case .stopping, .backingOff, .ended: socket.watch(for: .shutDownOnly)
    default: relay(from: socket)
    }
  }

  /// An address that the service's wildcard covers, or whose socket it couldn't be given: we accept for it while it runs.
  private func relay(from socket: any HeldSocket) {
    do throws(Errno) { try socket.relayWaiting() } catch {
      narrator.warn("a connection to \(socket.name) has to wait: \(error)")
      // A full descriptor table would else be met in every turn of the loop.
      socket.watch(for: .shutDownOnly)
    }
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

  private func resumeRelaying() {
    guard case .running = lifecycle.state else { return }
    for socket in sockets where !socket.isHandedOver { socket.watch(for: .connections) }
  }

  // MARK: starting

  func spawn() {
    context.client = nil
    context.lastLine = nil
    context.failureText = nil
    context.givenBackBytes = nil
    do throws(Spawn.Failure) {
      try begin(try launch())
      post(.spawned)
      front?.begin(asks: options.readiness == .auto)
    } catch {
      endInstance()
      context.failureText = launcher.describe(error)
      post(.spawnFailed)
    }
  }

  private func launch() throws(Spawn.Failure) -> Spawn.Process {
    let nothing = try prepare()
    defer { output.handedOver() }
    return try launcher.start(
      sockets: sockets.map(\.number), passed: passedSockets, notifySocket: notifyReceiver?.name,
      standardInput: passedInput ?? nothing.number,
      standardOutput: output.standardOutput, standardError: output.standardError,
      processes: processes)
  }

  /// The socket that is the service's standard input.
  private var passedInput: Int32? { options.handover == .inetdWait ? sockets.first?.number : nil }

  /// All that an instance gets anew. Returns an empty standard input.
  private func prepare() throws(Spawn.Failure) -> OwnedFD {
    for socket in sockets { socket.stopRelaying() }
    do throws(Errno) {
      // An earlier instance may have left its own flags on the open file.
      for socket in sockets { try socket.setNonBlocking(false) }
      if options.readiness == .notify { try listenForReadiness() }
      try output.begin()
      return try .null()
    } catch { throw Spawn.Failure(step: .descriptors, errno: error) }
  }

  private func begin(_ process: consuming Spawn.Process) throws(Spawn.Failure) {
    var adoption: Adoption?
    do throws(Errno) {
      if let trap = try callTrap(process.listener.take()) {
        let made = Adoption(
          trap, sockets: sockets, deferringUntil: notifyReceiver?.address, loop: loop, disposal: disposal)
        made.onAdopted = { [weak self] in self?.adopted($0) }
        made.onWarning = { [weak self] in self?.narrator.warn($0) }
        made.onRelayed = { [weak self] in self?.tellRelaying($0, $1) }
        made.isStarting = { [weak self] in self?.isStarting ?? false }
        adoption = made
      }
    } catch {
      try? process.handle.send(signal: 9)
      throw Spawn.Failure(step: .filter, errno: error)
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

  /// What can only be said when it is known what could be held.
  private func checkOptions() throws(ServiceError) {
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

  private func listenForReadiness() throws(Errno) {
    let receiver = try NotifyReceiver(loop: loop, disposal: disposal)
    receiver.isOurs = { [weak self] in self?.processes.contains($0) ?? false }
    receiver.onReady = { [weak self] in
      self?.processes.becameReady()
      self?.post(.notifiedReady)
    }
    receiver.onWarning = { [weak self] in self?.narrator.warn($0) }
    notifyReceiver?.close()
    notifyReceiver = receiver
  }

  /// Lets go of what belongs to one instance.
  func endInstance() {
    output.drain(isOver: true)
    context.lastLine = output.lastLine
    notifyReceiver?.close()
    notifyReceiver = nil
    for socket in sockets { socket.instanceEnded() }
  }
}
