import Lifecycle
import Linux

/// One service and its held sockets: turns what the kernel says into events of its `Lifecycle`, and carries the actions out.
///
/// No decision is made here. Each action either does one thing or asks one thing, and an answer is one event.
public final class Service: ForegroundService {
  let options: ServiceOptions
  let loop: EventLoop
  let narrator: Narrator
  var lifecycle: Lifecycle
  /// Those that are still held.
  var sockets: [any HeldSocket] = []
  let sense: ConnectionSense
  private(set) var datagramSense: DatagramSense?
  /// nil: no unix path is held.
  private(set) var unixSense: UnixSense?
  let processes: ServiceProcesses
  let launcher: Launcher
  let execution: Execution
  let watchdog: Watchdog
  let relays: Relays
  let unixRelays: UnixRelays
  let leftovers: Leftovers
  /// Of a service that is relayed to.
  private(set) var front: RelayFront?
  let gracePeriod: GracePeriod
  let disposal: Disposal
  let errorChannel: OutputChannel
  private let channels: ServiceChannels
  var errorStream: ErrorStream?
  /// The end of it that the instance's processes write to; nil where no more are to be started.
  private var errorWriting: OwnedFD?
  var notifyReceiver: NotifyReceiver?
  /// What the service has said of itself (STATUS=), the last time.
  var statusText: String?
  /// Hears all that it says; EXTEND_TIMEOUT_USEC=, X-BUSY= and their like mean nothing else yet.
  var onNotification: ((NotifyMessage) -> Void)?
  private let standardInput: OwnedFD
  var context = Narrator.Context()
  /// `Report.waking` was made, and its client isn't known yet.
  var isWakingUntold = false
  /// The first that waited when the service was started, until it has been looked up.
  var wakingClient: WakingClient?
  /// What was told once about sockets that couldn't be put in place.
  private var toldRelays: Set<Adoption.RelayReason> = []
  /// Connections relayed since the last rest was given up.
  var strays = 0

  private var timer: Timer
  private var timerToken: EventLoop.Token?
  private var events: [Event] = []
  private var isHandling = false

  /// Holds the sockets. Nothing is started yet.
  public init(_ options: ServiceOptions, loop: EventLoop) throws(ServiceError) {
    self.options = options
    self.loop = loop
    launcher = try Launcher(options)
    channels = try ServiceChannels(options, loop: loop)
    errorChannel = channels.errorChannel
    narrator = channels.narrator
    do throws(Errno) {
      standardInput = try .null()
      sense = try ConnectionSense(loop: loop)
      timer = try Timer()
    } catch { throw ServiceError("cannot set up: \(error)") }
    processes = ServiceProcesses(loop: loop)
    execution = Execution(options, launcher: launcher, processes: processes, loop: loop)
    watchdog = Watchdog(loop: loop)
    relays = Relays(loop: loop, reachTimeout: options.startTimeout)
    gracePeriod = GracePeriod(loop: loop)
    disposal = Disposal(loop: loop)
    unixRelays = UnixRelays(loop: loop)
    leftovers = Leftovers(relays: unixRelays, loop: loop)
    sockets = try SocketHolder(
      options: options, relays: relays, unixRelays: unixRelays, leftovers: leftovers, loop: loop
    ).hold()
    let isRelayed = options.handover == .relay
    let migrates = isRelayed || !options.neverMigrates && MigrationSetting.enable()
    lifecycle = Lifecycle(
      configuration: Lifecycle.Configuration(
        sockets: sockets.map(\.kind), idleTimeout: options.idleTimeout,
        readiness: options.isToldReady || isRelayed ? .notify : .automatic, canAdopt: launcher.canAdopt,
        canMigrate: migrates, startTimeout: options.startTimeout, stopTimeout: options.stopTimeout))
    context.listening = sockets.map(\.name)
    for socket in sockets { context.sockets[socket.index] = socket.name }
    do throws(ServiceError) {
      try checkOptions()
      front = try Self.makeFront(options, relays: relays, loop: loop) { [unowned self] in sockets }
    } catch {
      // Paths were made for them.
      for socket in sockets { socket.release() }
      throw error
    }
    if !unixSockets.isEmpty {
      do throws(Errno) {
        unixSense = try UnixSense(loop: loop) { [unowned self] in unixSockets }
      } catch { throw ServiceError("cannot look at unix sockets (sock_diag): \(error)") }
    }
    if !datagramSockets.isEmpty { datagramSense = DatagramSense { [unowned self] in datagramSockets } }
    connect()
    if let front { connect(front) }
  }

  var tcpSockets: [HeldTCPSocket] { sockets.compactMap { $0 as? HeldTCPSocket } }
  var datagramSockets: [HeldDatagramSocket] { sockets.compactMap { $0 as? HeldDatagramSocket } }
  var unixSockets: [HeldUnixSocket] { sockets.compactMap { $0 as? HeldUnixSocket } }

  private func connect() {
    for socket in sockets {
      socket.watcher.onEvent = { [weak self, index = socket.index] isShutDown in
        self?.socketEvent(index, isShutDown: isShutDown)
      }
    }
    sense.onClose = { [weak self] in self?.post(.connectionClosed) }
    unixSense?.onUse = { [weak self] in self?.post(.connectionClosed) }
    datagramSense?.onWarning = { [weak self] in self?.narrator.warn($0) }
    unixSense?.onWarning = { [weak self] in self?.narrator.warn($0) }
    unixSense?.processes = { [weak self] in self?.processes.pids ?? [] }
    connectExecution()
    processes.helpers = { [gracePeriod, disposal] in
      disposal.helpers.union(gracePeriod.helper.map { [$0] } ?? [])
    }
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
    errorChannel.onRoom = { [weak self] in self?.errorStream?.resume() }
  }

  /// Begins: sockets armed, and the service started if that is asked for.
  public func begin() throws(Errno) {
    timerToken = try loop.add(timer.descriptor, for: .readable) { [weak self] _ in
      self?.timer.acknowledge()
      self?.post(.deadlineReached)
    }
    for action in lifecycle.begin() { carryOut(action) }
    if options.startsAtOnce { post(.startRequested) }
  }

  /// Ends the service, then the loop. A second call does so at once.
  public func stop() {
    if lifecycle.state == .ended { return loop.stop() }
    if isStopRequested { execution.isForced = true }
    post(isStopRequested ? .stopAtOnceRequested : .stopRequested)
    isStopRequested = true
  }
  private var isStopRequested = false

  /// A child of ours has ended.
  public func childEnded() { processes.reap() }

  /// Gives readers of our output a last chance.
  public func finishOutput() { channels.finish() }

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
    // Setting a timer can't fail with a valid time; without it nothing would ever end.
    try? timer.set(to: lifecycle.deadline?.nanoseconds)
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
    do throws(Errno) { try prepare() } catch {
      endInstance()
      context.failureText = launcher.describe(Spawn.Failure(step: .descriptors, errno: error)).description
      return post(.spawnFailed)
    }
    execution.start()
  }

  private func connectExecution() {
    execution.startMain = { [weak self] () throws(LaunchFailure) in try self?.startMain() }
    execution.standard = { [weak self] in self?.standardDescriptors(input: self?.standardInput.number) }
    execution.notifySocket = { [weak self] in self?.notifyReceiver?.name }
    execution.onFailure = { [weak self] in self?.context.failureText = $0 }
    execution.onWarning = { [weak self] in self?.narrator.warn($0) }
    execution.onEvent = { [weak self] in self?.executionTells($0) }
    watchdog.onExpiry = { [weak self] in self?.execution.watchdogExpired() }
  }

  private func executionTells(_ event: Event) {
    // Its last words are still in the pipe.
    if case .mainExited(_, hasSuccessor: false) = event { errorStream?.drain() }
    post(event)
    if event == .spawned { front?.begin(asks: !options.listensForReadiness) }
  }

  private func startMain() throws(LaunchFailure) {
    // The events have our stdout to themselves.
    guard let standard = standardDescriptors(input: standardInputNumber) else { return }
    try begin(
      try launcher.start(
        sockets: sockets.map(\.number), passed: passedSockets, notifications: notifications,
        variables: execution.mainProcessVariables, standard: standard, processes: processes))
    if !execution.hasCommands { errorWriting = nil }
    if options.execution.kind != .notify { watchdog.begin(options.execution.watchdog) }
  }

  private func standardDescriptors(input: Int32?) -> StandardDescriptors? {
    switch errorWriting {
    case .some(let writing):
      StandardDescriptors(
        input: input ?? writing.number, output: options.writesJSON ? writing.number : nil, error: writing.number)
    case .none: nil
    }
  }

  private var standardInputNumber: Int32 {
    guard options.handover == .inetdWait, let socket = sockets.first else { return standardInput.number }
    return socket.number
  }

  /// All that an instance gets anew.
  private func prepare() throws(Errno) {
    for socket in sockets { socket.stopRelaying() }
    // An earlier instance may have left its own flags on the open file.
    for socket in sockets { try socket.setNonBlocking(false) }
    try listenForNotifications()
    let pipe = try OwnedFD.pipe()
    errorStream = try ErrorStream(pipe.reading.duplicate(), to: errorChannel, loop: loop)
    errorWriting = try pipe.writing.duplicate()
  }

  private func begin(_ process: consuming Spawn.Process) throws(LaunchFailure) {
    var adoption: Adoption?
    if let listener = process.listener.take() {
      do throws(Errno) {
        let made = try Adoption(
          listener, sockets: sockets, deferringUntil: options.listensForReadiness ? notifyReceiver?.address : nil,
          loop: loop, disposal: disposal)
        made.onAdopted = { [weak self] in self?.adopted($0) }
        made.onWarning = { [weak self] in self?.narrator.warn($0) }
        made.onRelayed = { [weak self] in self?.tellRelaying($0, $1) }
        made.isStarting = { [weak self] in self?.isStarting ?? false }
        adoption = made
      } catch {
        try? process.handle.send(signal: 9)
        throw launcher.describe(Spawn.Failure(step: .filter, errno: error))
      }
    }
    context.pid = process.handle.pid
    processes.begin(main: process.takeHandle(), adoption: adoption)
  }

  /// What can only be said when it is known what could be held.
  private func checkOptions() throws(ServiceError) {
    try launcher.check(passedSockets)
    if options.handover == .inetdWait, sockets.count > 1 {
      throw ServiceError(
        "--handover inetd-wait is for one socket, and there are \(sockets.count): "
          + context.listening.joined(separator: ", "), exitCode: 2)
    }
    if options.handover == .relay, let socket = datagramSockets.first {
      throw ServiceError("\(socket.name) can't be relayed: --handover relay is for connections", exitCode: 2)
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
    guard let socket = sockets.first(where: { $0.index == index }), !socket.isHandedOver else { return }
    socket.watch(for: .connections)
  }

  private var isStarting: Bool {
    if case .starting = lifecycle.state { true } else { false }
  }

  /// Lets go of what belongs to one instance.
  func endInstance() {
    errorStream?.drainAndClose()
    context.lastLine = errorStream?.lastLine ?? context.lastLine
    errorStream = nil
    errorWriting = nil
    watchdog.end()
    statusText = nil
    notifyReceiver?.close()
    notifyReceiver = nil
    for socket in sockets { socket.instanceEnded() }
  }
}
