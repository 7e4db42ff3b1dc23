import Lifecycle
import Linux

/// Duplicates of every socket of a frozen service: the first thing that comes by one of them wakes it.
///
/// Each socket once, whichever of the processes have it: connections, those that it has made itself, listeners of its own, UDP. All
/// are in an epoll instance of their own, which the loop watches, so that letting go of thousands is one call. Edge-triggered:
/// what is there already is told once, and no more.
///
/// Pipes, FIFOs that aren't held, inotify, POSIX timers and signals are not watched: what comes by these waits until the service goes
/// on. Of inotify and POSIX timers it is known whether there are any.
final class HeldConnections {
  enum Failure: Error {
    /// For this service it will never be allowed.
    case notPermitted(String)
    case impossible(String)
  }

  private let loop: EventLoop
  private var watch: Watch?
  private var token: EventLoop.Token?
  private var sockets: [Socket] = []
  private var seen: Set<UInt64> = []
  /// Those whose descriptors are still to be looked through.
  private var pids: [Int32] = []
  private var process: OpenProcess?
  private var completion: ((Result<Void, Failure>) -> Void)?
  private var onArrival: ((String) -> Void)?
  /// Of its timer descriptors the first that is due, in nanoseconds of `MonotonicClock`.
  private(set) var timerDue: UInt64?
  /// What these processes have that may want to wake them, and can't.
  private(set) var unwatched: Set<String> = []
  private var roomEnd: UInt64 = 0
  private var generation = 0
  /// What was there already at earlier attempts, by the socket's inode: how, and when that was last new.
  private var found: [UInt64: (at: UInt64, readiness: Readiness)] = [:]

  /// Descriptors looked at in one turn of the loop: about 2 ms.
  private static let sliceMax = 256

  private final class Watch {
    var epoll: Epoll
    init() throws(Errno) { epoll = try Epoll() }
  }

  private final class OpenProcess {
    let handle: ProcessHandle
    var numbers: [Int32]

    init(_ pid: Int32) throws(Errno) {
      handle = try ProcessHandle(pid: pid)
      numbers = ProcessFiles.descriptors(of: pid)
    }
  }

  private final class Socket {
    let duplicate: SocketDuplicate
    let inode: UInt64

    init(_ file: consuming OwnedFD, inode: UInt64) {
      duplicate = SocketDuplicate(file)
      self.inode = inode
    }

    var peer: SocketAddress? { duplicate.peer }
    var isConnection: Bool {
      switch duplicate.kind {
      case .tcp, .unix: !duplicate.isListening
      case .udp, .other: false
      }
    }

    func describe(_ readiness: Readiness) -> String {
      if duplicate.isListening { return "a client at a socket of its own" }
      let what = readiness.isDisjoint(with: [.readHangUp, .hangUp, .error]) ? "data" : "the end of a connection"
      return peer.map { "\(what) from \($0)" } ?? (duplicate.kind == .unix ? "\(what) by a unix socket" : what)
    }
  }

  init(loop: EventLoop) { self.loop = loop }

  var count: Int { sockets.count }

  /// Takes duplicates of all sockets of these processes, which are frozen, but for those with these inodes. `completion` is called
  /// once, in this turn of the loop or a later one, unless they are released before or something arrives: then `onArrival` is
  /// called, with a clause that says what.
  func hold(
    _ pids: [Int32], except inodes: Set<UInt64>, onArrival: @escaping (String) -> Void,
    completion: @escaping (Result<Void, Failure>) -> Void
  ) {
    release()
    self.pids = pids
    seen = inodes
    self.onArrival = onArrival
    self.completion = completion
    let limit = FileLimit.current
    roomEnd = limit.map { $0.soft - min($0.soft, $0.reserve) } ?? .max
    do throws(Errno) {
      let watch = try Watch()
      token = try loop.add(watch.epoll.descriptor, for: .readable) { [weak self] _ in self?.arrived() }
      self.watch = watch
    } catch { return fail(.impossible("its connections can't be watched: \(error)")) }
    take()
  }

  func release() {
    generation += 1
    if let token, let watch { loop.remove(token, watch.epoll.descriptor) }
    token = nil
    watch = nil
    sockets = []
    seen = []
    pids = []
    process = nil
    completion = nil
    onArrival = nil
    timerDue = nil
    unwatched = []
  }

  // MARK: taking

  private func take() {
    var left = Self.sliceMax
    while left > 0 {
      do throws(Failure) {
        if process == nil { process = try nextProcess() }
        guard let open = process else { return finish() }
        if let number = open.numbers.popLast() { try take(number, of: open) } else { process = nil }
      } catch { return fail(error) }
      left -= 1
    }
    loop.afterThisTurn { [weak self, generation] in if self?.generation == generation { self?.take() } }
  }

  /// One that has been killed meanwhile has nothing any more.
  private func nextProcess() throws(Failure) -> OpenProcess? {
    while let pid = pids.popLast() {
      guard let open = try? OpenProcess(pid) else { continue }
      guard ProcessFiles.showsDescriptors(of: pid) || !ProcessFiles.exists("/proc/\(pid)") else {
        throw Self.hidden(pid)
      }
      let timers = ProcessFiles.contents(of: "/proc/\(pid)/timers") ?? ""
      if !timers.isEmpty { unwatched.insert("timers (timer_create(2))") }
      return open
    }
    return nil
  }

  private static func hidden(_ pid: Int32) -> Failure {
    .notPermitted("the sockets of process \(pid) can't be watched, as torpor may not trace it (pidfd_getfd)")
  }

  private func take(_ number: Int32, of open: OpenProcess) throws(Failure) {
    let pid = open.handle.pid
    guard let inode = ProcessFiles.socketInode(of: pid, number: number) else {
      switch ProcessFiles.file(of: pid, number: number) {
      case "anon_inode:[timerfd]": noteTimer(number, of: pid)
      case "anon_inode:inotify", "inotify": unwatched.insert("changes of files (inotify)")
      default: break
      }
      return
    }
    guard seen.insert(inode).inserted, let watch else { return }
    do throws(Errno) {
      let file = try open.handle.file(number: number)
      guard UInt64(file.number) < roomEnd else { throw .tooManyFiles }
      try watch.epoll.add(file, for: [.readable, .readHangUp, .edgeTriggered], token: UInt64(sockets.count))
      sockets.append(Socket(file, inode: inode))
    } catch {
      switch error {
      // Killed meanwhile, or closed by another that shares its descriptors.
      case .noProcess, .badDescriptor: return
      case .notPermitted, .accessDenied:
        throw Self.hidden(pid)
      case .tooManyFiles:
        throw .impossible(
          "it has more sockets open than the \(sockets.count) that there are descriptors for (RLIMIT_NOFILE)")
      default: throw .impossible("a socket of process \(pid) can't be watched: \(error)")
      }
    }
  }

  private func noteTimer(_ number: Int32, of pid: Int32) {
    guard let left = ProcessFiles.timeLeft(ofTimer: number, of: pid) else { return }
    let due = MonotonicClock.now() + left.nanoseconds
    timerDue = min(timerDue ?? due, due)
  }

  private func fail(_ failure: Failure) {
    let completion = completion
    release()
    completion?(.failure(failure))
  }

  private func finish() {
    // What is there already is no rest, unless it was there the last time.
    let present = presentEvents()
    let left = present.map(isLeft)
    let before = found
    found = [:]
    for (event, isLeft) in zip(present, left) {
      let inode = sockets[Int(event.token)].inode
      found[inode] = isLeft ? before[inode] : (MonotonicClock.now(), event.readiness)
    }
    if let fresh = left.firstIndex(of: false) { return tell(present[fresh]) }
    let done = completion
    completion = nil
    done?(.success(()))
  }

  /// Nobody reads it: it was found at an earlier attempt, and nothing has come since. A server has ended a connection of a pool, for
  /// one, at which the service doesn't look before it needs one. Of unix sockets nobody knows when anything came.
  private func isLeft(_ event: Epoll.Event) -> Bool {
    let socket = sockets[Int(event.token)]
    guard let before = found[socket.inode], event.readiness.isSubset(of: before.readiness),
      let ago = socket.duplicate.receivedAgo
    else { return false }
    return MonotonicClock.now() + Self.clockSlack < before.at + ago.nanoseconds
  }

  private static let clockSlack: UInt64 = 20_000_000

  // MARK: arrivals

  /// Each is told once, so that this ends.
  private func presentEvents() -> [Epoll.Event] {
    var present: [Epoll.Event] = []
    while let watch, let events = try? watch.epoll.wait(isPolling: true), !events.isEmpty {
      present += events.filter { !$0.readiness.isDisjoint(with: Self.news) && sockets.indices.contains(Int($0.token)) }
    }
    return present
  }

  /// A socket that was never connected is hung up, and nothing else.
  private static let news: Readiness = [.readable, .readHangUp, .error]

  private func arrived() { if let first = presentEvents().first { tell(first) } }

  private func tell(_ event: Epoll.Event) {
    completion = nil
    let index = Int(clamping: event.token)
    guard sockets.indices.contains(index) else { return }
    lastPeer = sockets[index].peer
    onArrival?(sockets[index].describe(event.readiness))
  }

  /// The first of the connections, a line each, and their number.
  func connections(limit: Int) -> (peers: [SocketAddress], count: Int) {
    var peers: [SocketAddress] = []
    var count = 0
    for socket in sockets where socket.isConnection {
      count += 1
      if peers.count < limit, let peer = socket.peer { peers.append(peer) }
    }
    return (peers, count)
  }

  /// Of the connection that something came by first.
  private(set) var lastPeer: SocketAddress?
}
