import Lifecycle
import Linux

/// One service and its held sockets: turns what the kernel says into events of its `Lifecycle`, and carries the actions out.
///
/// No decision is made here. Each action either does one thing or asks one thing, and an answer is one event.
public final class Service: HeldService {
  var options: ServiceOptions
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
  /// What else than connections keeps it up; nil until all is set up.
  var senses: SenseBoard?
  /// nil: it isn't asked for its own word.
  var busyCheck: BusyCheck?
  var busyCheckFails = false
  /// Questions of the lifecycle while it runs that no look has answered yet.
  var looks: [Query] = []
  /// All who waited when it was woken were of sources that don't count, and nobody else has been seen.
  var isWokenByIgnored = false
  var servingSince = Instant(nanoseconds: 0)
  let processes: ServiceProcesses
  var launcher: Launcher
  let execution: Execution
  let watchdog: Watchdog
  let relays: Relays
  let unixRelays: UnixRelays
  let leftovers: Leftovers
  /// Of a service that is relayed to.
  private(set) var front: RelayFront?
  let gracePeriod: GracePeriod
  let disposal: Disposal
  /// Of what comes with notifications.
  let notifyDisposal: Disposal
  let output: any InstanceOutput
  /// An empty standard input, while processes are started.
  private var nothing: OwnedFD?
  var notifyReceiver: NotifyReceiver?
  /// What the service has said of itself (STATUS=), the last time.
  var statusText: String?
  var context = Narrator.Context()
  /// `Report.waking` was made, and its client isn't known yet.
  var isWakingUntold = false
  /// The first that waited when the service was started, until it has been looked up.
  var wakingClient: WakingClient?
  /// Of one that sleeps with its connections open.
  var freezer: Freezer?
  var hasToldUnfreezable = false
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
    execution = Execution(options, launcher: launcher, processes: processes, loop: loop)
    watchdog = Watchdog(loop: loop)
    relays = Relays(loop: loop, reachTimeout: options.startTimeout)
    gracePeriod = GracePeriod(loop: loop)
    disposal = Disposal(loop: loop)
    notifyDisposal = Disposal(loop: loop)
    unixRelays = UnixRelays(loop: loop)
    leftovers = Leftovers(relays: unixRelays, loop: loop)
    sockets = try SocketHolder(
      options: options, relays: relays, unixRelays: unixRelays, leftovers: leftovers, loop: loop,
      warn: { narrator.warn($0) }
    ).hold(keeping: [])
    lifecycle = Lifecycle(configuration: Self.configuration(options, sockets, launcher, processes))
    connect()
    do throws(ServiceError) { try takeUpSockets(lifecycle) } catch {
      // Paths were made for them.
      for socket in sockets { socket.release() }
      throw error
    }
  }

  /// With the sockets that are held now, and a core that knows of no others.
  func takeUpSockets(_ lifecycle: Lifecycle) throws(ServiceError) {
    try checkOptions()
    front = try Self.makeFront(options, relays: relays, loop: loop) { [unowned self] in sockets }
    self.lifecycle = lifecycle
    context.listening = sockets.map(\.name)
    context.unsteered = options.handover == .relay ? nil : Unsteered(sockets, lifecycle.configuration)
    context.sockets = [:]
    for socket in sockets {
      context.sockets[socket.index] = socket.name
      socket.watcher.onEvent = { [weak self, index = socket.index] isShutDown in
        self?.socketEvent(index, isShutDown: isShutDown)
      }
    }
    sense = tcpSockets.isEmpty ? nil : ConnectionSense(tables: tables) { [unowned self] in tcpSockets }
    unixSense = signalledSockets.isEmpty ? nil : UnixSense(tables: tables) { [unowned self] in signalledSockets }
    datagramSense = datagramSockets.isEmpty ? nil : DatagramSense { [unowned self] in datagramSockets }
    connectSenses()
    makeSenses()
    if let front { connect(front) } else { relays.onRoom = { [weak self] in self?.resumeRelaying() } }
  }

  var tcpSockets: [HeldTCPSocket] { sockets.compactMap { $0 as? HeldTCPSocket } }
  var datagramSockets: [HeldDatagramSocket] { sockets.compactMap { $0 as? HeldDatagramSocket } }
  var signalledSockets: [any SignalledSocket] { sockets.compactMap { $0 as? any SignalledSocket } }

  private func connectSenses() {
    sense?.onClose = { [weak self] in self?.post(.connectionClosed) }
    unixSense?.onUse = { [weak self] in self?.post(.connectionClosed) }
    datagramSense?.onWarning = { [weak self] in self?.narrator.warn($0) }
    unixSense?.onWarning = { [weak self] in self?.narrator.warn($0) }
    unixSense?.processes = { [weak self] in self?.processes.pids ?? [] }
    unixSense?.patience = options.startTimeout
    unixSense?.onIgnored = { [weak self] in self?.abandonUnread($0) }
  }

  private func connect() {
    connectExecution()
    processes.helpers = { [gracePeriod, disposal, notifyDisposal] in
      disposal.helpers.union(notifyDisposal.helpers).union(gracePeriod.helper.map { [$0] } ?? [])
    }
    launcher.mayPreload(loop: loop, disposal: disposal)
    launcher.onWarning = { [weak self] in self?.narrator.warn($0) }
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
    alarm.onDue = { [weak self] in self?.deadlineReached() }
    for action in lifecycle.begin() { carryOut(action) }
    if options.startsAtOnce { post(.startRequested) }
  }

  /// Ends the service, and tells by `onEnd`. A second call does so at once.
  public func stop() {
    if lifecycle.state == .ended { return onEnd?() ?? () }
    if isStopRequested { execution.isForced = true }
    post(isStopRequested ? .stopAtOnceRequested : .stopRequested)
    isStopRequested = true
  }
  private var isStopRequested = false
  /// Everything is done, but for what it would be in vain to wait for.
  var onEnd: (() -> Void)?
  /// Hears of everything that is told.
  var onReport: ((Report) -> Void)?
  /// Connections that were seen at the last look.
  var lastConnectionCount = 0
  /// It was started to be checked: what it is seen at work at next is its own start.
  var disregardsWorkOnce = false

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
    updateBusyCheck()
    alarm.set(to: lifecycle.deadline?.nanoseconds)
  }

  private func socketEvent(_ index: Int, isShutDown: Bool) {
    if isShutDown { return post(.listenerShutDown(socket: index)) }
    if case .frozen = lifecycle.state { return clientCameToFrozen() }
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
    do throws(Errno) { try prepare() } catch {
      endInstance()
      context.failureText = launcher.describe(Spawn.Failure(step: .descriptors, errno: error)).description
      return post(.spawnFailed)
    }
    execution.start()
  }

  private func connectExecution() {
    execution.startMain = { [weak self] () throws(LaunchFailure) in try self?.startMain() }
    execution.standard = { [weak self] in self?.standardDescriptors(input: nil) }
    execution.notifySocket = { [weak self] in self?.notifyReceiver?.name }
    execution.onFailure = { [weak self] in self?.context.failureText = $0 }
    execution.onWarning = { [weak self] in self?.narrator.warn($0) }
    execution.onEvent = { [weak self] in self?.executionTells($0) }
    watchdog.onExpiry = { [weak self] in self?.execution.watchdogExpired() }
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

  /// Lets go of what belongs to one instance.
  func endInstance() {
    letGoOfStreams()
    output.drain(isOver: true)
    context.lastLine = output.lastLine
    watchdog.end()
    statusText = nil
    notifyReceiver?.close()
    notifyReceiver = nil
    for socket in sockets { socket.instanceEnded() }
  }
}
