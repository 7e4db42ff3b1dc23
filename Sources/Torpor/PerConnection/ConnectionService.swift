import Glibc
import Lifecycle
import Linux

import struct Units.Shared

/// A service that gets a process for each connection: turns what the kernel says into events of its `ConnectionServer`, and carries
/// the actions out. No decision is made here.
final class ConnectionService: HeldService {
  private var sharedOptions: Shared<ServiceOptions>
  private var options: ServiceOptions { sharedOptions.value }
  private let loop: EventLoop
  private let narrator: Narrator
  private var launcher: Launcher
  private let sockets: [any HeldSocket]
  private var server: ConnectionServer
  private let alarm: Alarm
  /// What all processes write their errors to. One for all: lines of up to 4 KiB don't mix (pipe(7)).
  private let output: any InstanceOutput
  /// That of each connection is below it.
  private var cgroup: Cgroup?
  private var connections: [Int: ConnectionProcess] = [:] {
    didSet { if connections.isEmpty, !oldValue.isEmpty { onDormant?() } }
  }
  private var lastID = 0
  /// Addresses whose connections were turned away; no more than there are connections.
  private var fullSources: Set<String> = []
  /// Accepted, and without a process.
  private var inHand: AcceptedConnection?
  private var failure: String?
  private var events: [ConnectionServer.Event] = []
  private var isHandling = false
  private var isStopRequested = false
  var onEnd: (() -> Void)?
  /// The last of its connections has ended.
  var onDormant: (() -> Void)?

  init(
    _ options: ServiceOptions, loop: EventLoop, narrator: Narrator, output: any InstanceOutput
  ) throws(ServiceError) {
    sharedOptions = Shared(options)
    self.loop = loop
    self.narrator = narrator
    self.output = output
    launcher = try Launcher(sharedOptions)
    alarm = Alarm(loop: loop)
    sockets = try SocketHolder(
      options: options, relays: ServiceRelays(loop: loop, reachTimeout: nil), loop: loop,
      warn: { narrator.warn($0) }
    ).hold(keeping: [])
    server = ConnectionServer(
      configuration: .init(connectionsMax: options.connectionsMax, stopTimeout: options.stopTimeout))
    do throws(Errno) {
      try output.begin()
      for socket in sockets { try socket.setNonBlocking(true) }
    } catch {
      // Paths were made for them.
      for socket in sockets { socket.release() }
      throw ServiceError("cannot set up: \(error)")
    }
    if let socket = sockets.first(where: { !$0.hasConnections }) {
      for socket in sockets { socket.release() }
      throw ServiceError(
        "\(socket.name) has no connections: --handover inetd is for these, and inetd-wait for it", exitCode: 2)
    }
    if let own = Cgroup.own() { cgroup = try? Cgroup(named: "torpor-\(options.name)-\(getpid())", in: own) }
    alarm.onDue = { [weak self] in self?.post(.deadlineReached) }
    launcher.onWarning = { [weak self] in self?.narrator.warn($0) }
    for socket in sockets {
      socket.watcher.onEvent = { [weak self, index = socket.index] _ in self?.post(.connectionWaiting(socket: index)) }
    }
  }

  func begin() throws(Errno) {
    for action in server.begin() { carryOut(action) }
  }

  var connectionCount: Int { connections.count }
  private var stopSignals: [Int32] { options.execution.stopSignals(isRestarting: false) }

  /// Whether what is wanted from now on is another command at most.
  func canTakeUp(_ new: ServiceOptions) -> Bool {
    new.sharesSockets(with: options) && new.connectionsMax == options.connectionsMax
  }

  /// Those that run go on as they are.
  func replaceOptions(_ new: ServiceOptions) throws(ServiceError) -> Bool {
    try new.checkSettings(against: options)
    guard canTakeUp(new) else { return false }
    let new = Shared(new)
    let newLauncher = try Launcher(new)
    newLauncher.onWarning = launcher.onWarning
    sharedOptions = new
    launcher = newLauncher
    return true
  }

  func stop() {
    post(isStopRequested ? .stopAtOnceRequested : .stopRequested)
    isStopRequested = true
  }

  private func mainEnded(_ connection: ConnectionProcess, _ status: Int32) {
    let leavesOthers = connection.mainEnded()
    post(.mainExited(connection.id, ServiceProcesses.exitStatus(status), leavesOthers: leavesOthers))
    if !leavesOthers { connections[connection.id] = nil }
  }

  private func checkLeftovers(_ id: Int) {
    guard let connection = connections[id], !connection.hasProcesses else { return }
    connections[id] = nil
    if connections.isEmpty { fullSources = [] }
    post(.leftoversGone(id))
  }

  // MARK: events

  private func post(_ event: ConnectionServer.Event) {
    events.append(event)
    guard !isHandling else { return }
    isHandling = true
    // Ends: every turn answers a question, and the core asks anew only at a later event or deadline.
    while !events.isEmpty {
      let now = Instant(nanoseconds: MonotonicClock.now())
      for action in server.handle(events.removeFirst(), at: now) { carryOut(action) }
    }
    isHandling = false
    alarm.set(to: server.deadline?.nanoseconds)
  }

  private func carryOut(_ action: ConnectionServer.Action) {
    switch action {
    case .arm: for socket in sockets { socket.watch(for: .connections) }
    case .disarm: for socket in sockets { socket.watch(for: .shutDownOnly) }
    case .accept(let index): accept(index)
    case .spawn: spawn()
    case .drop: inHand = nil
    case .terminateMains: for connection in connections.values { connection.terminateMain(stopSignals) }
    case .terminateLeftovers(let id): connections[id]?.terminateAll(stopSignals)
    case .killLeftovers(let id): connections[id]?.killAll()
    case .killAll: for connection in connections.values { connection.killAll() }
    case .report(let report): tell(report)
    case .finish: finish()
    }
  }

  private func accept(_ index: Int) {
    guard let socket = sockets.first(where: { $0.index == index }) else { return post(.nobodyWaited) }
    do throws(Errno) {
      // Those that are too many from one address are turned away. The loop comes back for whoever waits still.
      for _ in 0..<Self.turnedAwayMax {
        try socket.withCurrent { listener throws(Errno) in
          inHand = try TCPSocket.acceptConnection(from: listener)
        }
        guard isTooMany() else { break }
        inHand = nil
      }
      post(hasConnectionInHand ? .accepted : .nobodyWaited)
    } catch {
      failure = "a connection to \(socket.name) can't be accepted: \(error)"
      post(.acceptFailed)
    }
  }

  private static let turnedAwayMax = 64

  /// Whether the one in hand is of an address that has as many already as it may have (MaxConnectionsPerSource=).
  private func isTooMany() -> Bool {
    guard let limit = options.connectionsPerSourceMax else { return false }
    var source: String?
    switch inHand {
    case .some(let connection): source = connection.client.map { ($0.mapped ?? $0).host }
    case .none: return false
    }
    // Clients of a unix socket have no address.
    guard let source else { return false }
    let count = connections.values.count { $0.client.map { ($0.mapped ?? $0).host } == source }
    guard count >= limit else {
      fullSources.remove(source)
      return false
    }
    // Once for each time that it becomes full.
    if fullSources.insert(source).inserted {
      narrator.warn("\(source) has \(count) connections, as many as MaxConnectionsPerSource= allows: more are closed")
    }
    return true
  }

  private var hasConnectionInHand: Bool {
    switch inHand {
    case .some: true
    case .none: false
    }
  }

  private func spawn() {
    lastID += 1
    switch inHand {
    case .some(let connection): spawn(for: connection)
    case .none: post(.spawnFailed(isLasting: false))
    }
    // The process has it now. Only the answer that it doesn't leaves it to be tried again.
    if connections[lastID] != nil { inHand = nil }
  }

  private func spawn(for accepted: borrowing AcceptedConnection) {
    let client = accepted.client
    let connection = ConnectionProcess(id: lastID, client: client, parentCgroup: cgroupPath, loop: loop)
    connection.onChange = { [weak self, id = lastID] in self?.checkLeftovers(id) }
    do throws(Errno) {
      // Programs of this kind read and write as if it were a terminal.
      try accepted.socket.descriptor.setNonBlocking(false)
    } catch {
      failure = "a connection can't be handed on: \(error)"
      return post(.spawnFailed(isLasting: false))
    }
    let number = accepted.socket.descriptor.number
    do throws(LaunchFailure) {
      let process = try launcher.start(
        sockets: [], passed: [], variables: Self.variables(client),
        standard: StandardDescriptors(input: number, output: number, error: output.standardError), processes: connection
      )
      connection.begin(process.takeHandle())
      connections[lastID] = connection
      loop.children.watch(connection.pid) { [weak self, weak connection] status in
        if let self, let connection { mainEnded(connection, status) }
      }
      post(.spawned(lastID))
    } catch {
      failure = error.description
      post(.spawnFailed(isLasting: error.isLasting))
    }
  }

  private var cgroupPath: String? {
    switch cgroup {
    case .some(let cgroup): cgroup.path
    case .none: nil
    }
  }

  /// As systemd has them (systemd.exec(5)): an IPv4 client of an IPv6 socket is one.
  private static func variables(_ client: SocketAddress?) -> [String] {
    guard let client else { return [] }
    return ["REMOTE_ADDR=\((client.mapped ?? client).host)", "REMOTE_PORT=\(client.port)"]
  }

  private func finish() {
    for socket in sockets { socket.release() }
    output.handedOver()
    output.drain(isOver: true)
    connections = [:]
    cgroup = nil
    onEnd?()
  }

  // MARK: telling

  private func tell(_ report: ConnectionServer.Report) {
    let listening = sockets.map(\.name)
    var context = Narrator.ConnectionContext(listening: listening, limit: options.connectionsMax)
    context.failure = failure
    switch report {
    case .started(let id), .ended(let id, _), .leftoversKilled(let id):
      context.client = connections[id]?.client.map { ($0.mapped ?? $0).description }
      context.pid = connections[id]?.pid
      context.beganAt = connections[id]?.beganAt
    case .dormant, .full, .cannotStart, .cannotAccept, .stopTimedOut, .stopping, .stopped: break
    }
    narrator.tell(report, context)
  }
}
