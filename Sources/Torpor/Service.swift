import Lifecycle
import Linux

import struct Units.Shared

/// One service and its held sockets: turns what the kernel says into events of its `Lifecycle`, and carries the actions out.
///
/// No decision is made here. Each action either does one thing or asks one thing, and an answer is one event.
public final class Service: HeldService, RelayOwner {
  var sharedOptions: Shared<ServiceOptions>
  var options: ServiceOptions { sharedOptions.value }
  let loop: EventLoop
  let narrator: Narrator
  var lifecycle: Lifecycle
  /// Those that are still held.
  var sockets: [any HeldSocket] = []
  let tables: SocketTables
  /// nil: it hasn't been looked at yet.
  var madeSenses: ServiceSenses?
  /// Questions of the lifecycle while it runs that no look has answered yet.
  var looks: [Query] = []
  /// nil: it hasn't been started yet.
  private(set) var madeRuntime: ServiceRuntime?
  var launcher: Launcher
  let relays: ServiceRelays
  /// Of a service that is relayed to.
  private(set) var front: RelayFront?
  let output: any InstanceOutput
  /// An empty standard input, while processes are started.
  var nothing: OwnedFD?
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
  var hasToldElsewhere = false
  /// What was told once about sockets that couldn't be put in place.
  var toldRelays: Set<Adoption.RelayReason> = []
  /// Connections relayed since the last rest was given up.
  var strays = 0

  /// nil: nothing has been due yet.
  private var alarm: Alarm?
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
    sharedOptions = Shared(options)
    self.loop = loop
    self.tables = tables
    self.narrator = narrator
    self.output = output
    launcher = try Launcher(sharedOptions)
    relays = ServiceRelays(loop: loop, reachTimeout: options.startTimeout)
    sockets = try SocketHolder(
      options: options, relays: relays, loop: loop, warn: { narrator.warn($0) }
    ).hold(keeping: [])
    let runtime = options.mayKill ? ServiceRuntime(sharedOptions, launcher, loop) : nil
    lifecycle = Lifecycle(configuration: Self.configuration(options, sockets, launcher, runtime?.processes))
    relays.owner = self
    if let runtime { use(runtime) }
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
    for socket in sockets {
      socket.watcher.onEvent = { [weak self, index = socket.index] isShutDown in
        self?.socketEvent(index, isShutDown: isShutDown)
      }
    }
    madeSenses = nil
    looks = []
    if let front { connect(front) }
  }

  var tcpSockets: [HeldTCPSocket] { sockets.compactMap { $0 as? HeldTCPSocket } }
  var datagramSockets: [HeldDatagramSocket] { sockets.compactMap { $0 as? HeldDatagramSocket } }
  var signalledSockets: [any SignalledSocket] { sockets.compactMap { $0 as? any SignalledSocket } }

  /// What only a service has that is started, or may be: made when it is first needed.
  var runtime: ServiceRuntime {
    if let madeRuntime { return madeRuntime }
    let made = ServiceRuntime(sharedOptions, launcher, loop)
    use(made)
    return made
  }
  var processes: ServiceProcesses { runtime.processes }
  var execution: Execution { runtime.execution }
  var watchdog: Watchdog { runtime.watchdog }
  var gracePeriod: GracePeriod { runtime.gracePeriod }
  var disposal: Disposal { runtime.disposal }
  var notifyDisposal: Disposal { runtime.notifyDisposal }

  private func use(_ runtime: ServiceRuntime) {
    madeRuntime = runtime
    launcher.mayPreload(loop: loop, disposal: runtime.disposal)
    launcher.onWarning = { [weak self] in self?.narrator.warn($0) }
    runtime.watchdog.onExpiry = { [weak self] in self?.execution.watchdogExpired() }
    connect(runtime.execution)
  }

  /// Begins: sockets armed, and the service started if that is asked for.
  public func begin() throws(Errno) {
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
    setAlarm()
  }

  private func setAlarm() {
    let deadline = lifecycle.deadline?.nanoseconds
    if alarm == nil, deadline != nil {
      alarm = Alarm(loop: loop)
      alarm?.onDue = { [weak self] in self?.deadlineReached() }
    }
    alarm?.set(to: deadline)
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

  func relaysHaveRoom() {
    if let front { return front.resume() }
    guard case .running = lifecycle.state else { return }
    for socket in sockets where !socket.isHandedOver { socket.watch(for: .connections) }
  }

  func relaysWarn(_ message: String) { narrator.warn(message) }
}
