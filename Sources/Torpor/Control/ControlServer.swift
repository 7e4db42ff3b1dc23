import Linux

/// The control socket: speaks Varlink with any number of clients, without ever waiting for one.
///
/// A client that sends or reads slowly, or not at all, costs what `Limits` says and nobody else's time. Idle, it costs its descriptor.
public final class ControlServer {
  public struct Limits: Sendable {
    /// Connections at once, of those that may call.
    public var clients = 64
    /// Connections at once of others, who are told that they may not.
    public var strangers = 8
    /// The longest call.
    public var messageBytes = 1 << 20
    /// What may wait for a client to read it: then it has to catch up before its next call, or its Monitor ends.
    public var queueBytes = 256 << 10
    /// Calls of one client that are answered before others' turn comes.
    public var callsPerTurn = 32

    public init() {}
  }

  public let path: String
  let limits: Limits
  let loop: EventLoop
  private(set) weak var manager: (any ManagerControl)?
  private let listener: PathListener
  private var token: EventLoop.Token?
  private let retry: Alarm
  private var clients: [Int: ControlClient] = [:]
  private var lastNumber = 0
  private var clock: UInt64 = 0
  private let ownUser = Account.effectiveUser
  public var onWarning: ((String) -> Void)?

  /// Listens. Throws when another manager answers there already, or nobody could be reached there.
  ///
  /// - Parameters:
  ///   - mode: of the socket's file. Whoever connects has to be root or our own user all the same.
  ///   - parentMode: of directories that are missing.
  public init(
    path: String, mode: UInt32 = 0o600, parentMode: UInt32 = 0o755, manager: any ManagerControl, loop: EventLoop,
    limits: Limits = Limits()
  ) throws(ServiceError) {
    self.path = path
    self.limits = limits
    self.loop = loop
    self.manager = manager
    do throws(PathListener.Refusal) {
      listener = try PathListener.listen(at: path, mode: mode, parentMode: parentMode)
    } catch { throw ServiceError(Self.describe(error, path)) }
    retry = Alarm(loop: loop)
    retry.onDue = { [weak self] in self?.watch() }
    do throws(Errno) {
      token = try loop.add(listener.socket.descriptor, for: .readable) { [weak self] _ in self?.accept() }
    } catch {
      listener.remove()
      throw ServiceError("cannot listen on '\(path)': \(error)")
    }
  }

  private static func describe(_ refusal: PathListener.Refusal, _ path: String) -> String {
    switch refusal {
    case .malformed:
      "'\(path)' can't be the control socket: it takes an absolute path, and one for sockets is short (90 bytes are safe)"
    case .living: "another torpord answers at '\(path)'; stop it first, or give this one another socket"
    case .notASocket: "'\(path)' can't be the control socket: something else is there; remove it"
    case .failed(let error): "cannot listen on '\(path)': \(error)"
    }
  }

  /// Removes the socket and ends every connection. What was to be replied is lost.
  public func stop() {
    listener.remove()
    if let token { loop.remove(token, listener.socket.descriptor) }
    token = nil
    retry.set(to: nil)
    for client in clients.values { client.close() }
  }

  // MARK: clients

  /// How many there are, and of these how many may call.
  public var connectionCount: Int { clients.count }

  /// Bounded in each turn: others wait, too.
  private func accept() {
    for _ in 0..<16 {
      do throws(Errno) {
        guard let socket = try listener.socket.accept() else { return }
        try welcome(socket)
      } catch { return cannotAccept(error) }
    }
  }

  private func welcome(_ socket: consuming UnixSocket) throws(Errno) {
    let peer = try socket.peer()
    let mayCall = peer.user == 0 || peer.user == ownUser
    let limit = mayCall ? limits.clients : limits.strangers
    if clients.values.count(where: { $0.mayCall == mayCall }) >= limit, !dismissIdlest(mayCall: mayCall) {
      // It goes into an empty buffer, or nowhere.
      _ = try? socket.send(ControlReply.tooManyClients(limit: limit))
      return
    }
    lastNumber += 1
    clients[lastNumber] = try ControlClient(socket, number: lastNumber, peer: peer, mayCall: mayCall, server: self)
  }

  /// Makes room: one that has nothing under way is closed, the one that called least recently. Programs that keep their connections open
  /// for nothing can't shut others out, and have to be ready for an end of theirs in any case.
  private func dismissIdlest(mayCall: Bool) -> Bool {
    let idle = clients.values.filter { $0.mayCall == mayCall && $0.isDispensable }
    guard let idlest = idle.min(by: { $0.lastActive < $1.lastActive }) else { return false }
    idlest.close()
    return true
  }

  /// Out of descriptors or memory: who waits goes on waiting, and we don't spin.
  private func cannotAccept(_ error: Errno) {
    if error == .tooManyFiles, dismissIdlest(mayCall: true) || dismissIdlest(mayCall: false) { return }
    onWarning?("cannot take connections to '\(path)': \(error); trying again in 1 s")
    if let token { loop.remove(token, listener.socket.descriptor) }
    token = nil
    retry.set(to: MonotonicClock.now() + 1_000_000_000)
  }

  private func watch() {
    guard token == nil else { return }
    do throws(Errno) {
      token = try loop.add(listener.socket.descriptor, for: .readable) { [weak self] _ in self?.accept() }
    } catch { retry.set(to: MonotonicClock.now() + 1_000_000_000) }
  }

  /// For the order in which clients were last heard of.
  func tick() -> UInt64 {
    clock += 1
    return clock
  }

  func closed(_ client: ControlClient) { clients[client.number] = nil }

  // MARK: events

  /// Whether anybody is told: what an event takes to make needn't be looked up for nobody.
  public var hasMonitors: Bool { clients.values.contains { $0.isMonitor } }

  /// Tells every Monitor.
  public func announce(_ event: ManagerEvent) {
    guard hasMonitors else { return }
    let bytes = ControlReply.event(event)
    for client in clients.values where client.isMonitor { client.announce(bytes) }
  }
}
