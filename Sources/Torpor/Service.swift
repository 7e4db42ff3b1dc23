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
  let tables: SocketTables
  /// nil: no TCP address is held.
  private(set) var sense: ConnectionSense?
  private(set) var datagramSense: DatagramSense?
  /// nil: no unix path is held.
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
  let errorChannel: OutputChannel
  private let channels: ServiceChannels
  var errorStream: ErrorStream?
  var notifyReceiver: NotifyReceiver?
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
  public convenience init(_ options: ServiceOptions, loop: EventLoop) throws(ServiceError) {
    try self.init(options, loop: loop, tables: SocketTables(loop: loop))
  }

  /// The same for one of several services, which all share the loop's tables.
  init(_ options: ServiceOptions, loop: EventLoop, tables: SocketTables) throws(ServiceError) {
    self.options = options
    self.loop = loop
    self.tables = tables
    launcher = try Launcher(options)
    channels = try ServiceChannels(options, loop: loop)
    errorChannel = channels.errorChannel
    narrator = channels.narrator
    do throws(Errno) {
      standardInput = try .null()
      timer = try Timer()
    } catch { throw ServiceError("cannot set up: \(error)") }
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
    let migrates = isRelayed || !options.neverMigrates && MigrationSetting.enable()
    lifecycle = Lifecycle(
      configuration: Lifecycle.Configuration(
        sockets: sockets.map(\.kind), idleTimeout: options.idleTimeout,
        readiness: options.readiness == .notify || isRelayed ? .notify : .automatic, canAdopt: launcher.canAdopt,
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
    if !tcpSockets.isEmpty { sense = ConnectionSense(tables: tables) { [unowned self] in tcpSockets } }
    if !unixSockets.isEmpty { unixSense = UnixSense(tables: tables) { [unowned self] in unixSockets } }
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
    sense?.onClose = { [weak self] in self?.post(.connectionClosed) }
    unixSense?.onUse = { [weak self] in self?.post(.connectionClosed) }
    datagramSense?.onWarning = { [weak self] in self?.narrator.warn($0) }
    unixSense?.onWarning = { [weak self] in self?.narrator.warn($0) }
    unixSense?.processes = { [weak self] in self?.processes.pids ?? [] }
    processes.onMainExit = { [weak self] status, hasSuccessor in
      // Its last words are still in the pipe.
      if !hasSuccessor { self?.errorStream?.drainAndClose() }
      self?.post(.mainExited(status, hasSuccessor: hasSuccessor))
    }
    processes.onAllGone = { [weak self] in self?.post(.allProcessesGone) }
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
    let pipe: Pipe
    do throws(Errno) { pipe = try prepare() } catch { throw Spawn.Failure(step: .descriptors, errno: error) }
    return try launcher.start(
      sockets: sockets.map(\.number), passed: passedSockets, notifySocket: notifyReceiver?.name,
      standardInput: standardInputNumber,
      // The events have our stdout to themselves.
      standardOutput: options.writesJSON ? pipe.writing.number : nil, standardError: pipe.writing.number,
      processes: processes)
  }

  private var standardInputNumber: Int32 {
    guard options.handover == .inetdWait, let socket = sockets.first else { return standardInput.number }
    return socket.number
  }

  /// All that an instance gets anew. Returns the pipe that its stderr goes by.
  private func prepare() throws(Errno) -> Pipe {
    for socket in sockets { socket.stopRelaying() }
    // An earlier instance may have left its own flags on the open file.
    for socket in sockets { try socket.setNonBlocking(false) }
    if options.readiness == .notify { try listenForReadiness() }
    let pipe = try OwnedFD.pipe()
    errorStream = try ErrorStream(pipe.reading.duplicate(), to: errorChannel, loop: loop)
    return pipe
  }

  private func begin(_ process: consuming Spawn.Process) throws(Spawn.Failure) {
    var adoption: Adoption?
    if let listener = process.listener.take() {
      do throws(Errno) {
        let made = try Adoption(
          listener, sockets: sockets, deferringUntil: notifyReceiver?.address, loop: loop, disposal: disposal)
        made.onAdopted = { [weak self] in self?.adopted($0) }
        made.onWarning = { [weak self] in self?.narrator.warn($0) }
        made.onRelayed = { [weak self] in self?.tellRelaying($0, $1) }
        made.isStarting = { [weak self] in self?.isStarting ?? false }
        adoption = made
      } catch {
        try? process.handle.send(signal: 9)
        throw Spawn.Failure(step: .filter, errno: error)
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
    context.lastLine = errorStream?.lastLine
    errorStream?.drainAndClose()
    context.lastLine = errorStream?.lastLine ?? context.lastLine
    errorStream = nil
    notifyReceiver?.close()
    notifyReceiver = nil
    for socket in sockets { socket.instanceEnded() }
  }
}
