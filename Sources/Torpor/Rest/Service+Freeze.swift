import Lifecycle
import Linux

/// How a service sleeps with its connections open, and is frozen to be killed.
extension Service {
  func freeze(_ query: Query) {
    watchdog.pause()
    guard case .freezing = lifecycle.state else { return freezeAtOnce(query) }
    let freezer = self.freezer ?? Freezer(processes, loop: loop)
    self.freezer = freezer
    freezer.arrival = nil
    context.reason = "its processes were not frozen in time"
    freezer.freeze { [weak self] outcome in
      guard let self else { return }
      switch outcome {
      case .frozen: post(.frozen(query))
      case .inUse(let reason):
        freezer.arrival = reason
        post(.dataArrived)
      case .impossible(let reason):
        context.reason = reason
        post(.freezeFailed(query))
      case .never(let reason):
        context.reason = reason
        post(.freezeFailed(query))
        setCanFreeze(false, because: reason)
      }
    }
  }

  /// Of one that may be killed: whoever it has in hand is looked for when it is frozen.
  private func freezeAtOnce(_ query: Query) {
    do throws(Errno) {
      try processes.freeze { [weak self] in self?.post(.frozen(query)) }
    } catch {
      context.reason = "its processes can't be frozen: \(error)"
      watchdog.resume()
      post(.freezeFailed(query))
    }
  }

  func thaw() {
    freezer?.cancel()
    freezer?.memory.stop()
    freezer?.connections.release()
    do throws(Errno) { try processes.thaw() } catch { narrator.warn("cannot let the service go on: \(error)") }
    watchdog.resume()
  }

  func holdConnections(_ query: Query) {
    guard let freezer else { return post(.holdFailed(query)) }
    // These are armed while it is frozen.
    let held = Set(sockets.compactMap { ProcessFiles.socketInode(of: ProcessFiles.own, number: $0.number) })
    freezer.connections.hold(
      processes.pids, except: held,
      onArrival: { [weak self] in self?.dataArrived($0) },
      completion: { [weak self] result in
        guard let self else { return }
        do throws(HeldConnections.Failure) {
          try result.get()
          post(.connectionsHeld(query, wakeAt: freezer.wakeAt))
        } catch {
          switch error {
          case .impossible(let reason):
            context.reason = reason
            post(.holdFailed(query))
          case .notPermitted(let reason):
            context.reason = reason
            post(.holdFailed(query))
            setCanFreeze(false, because: reason)
          }
        }
      })
  }

  private func dataArrived(_ what: String) {
    freezer?.arrival = what
    let isIgnored = freezer?.connections.lastPeer.map(options.watch.ignores) ?? false
    post(isIgnored ? .ignoredCame : .dataArrived)
  }

  /// Somebody has come to a held socket of a frozen service.
  func clientCameToFrozen() {
    freezer?.arrival = "a client"
    post(isOnlyIgnoredComing ? .ignoredCame : .connectionWaiting)
  }

  /// Before it can have accepted them: a source that doesn't count isn't to keep it up for a whole idle time.
  private var isOnlyIgnoredComing: Bool {
    guard !options.watch.ignoredSources.isEmpty else { return false }
    var question = SocketTables.Question()
    for socket in tcpSockets {
      question.ports.insert(SocketTables.Port(family: socket.address.family, number: socket.address.port))
    }
    guard !question.ports.isEmpty, let table = try? tables.answer(question) else { return false }
    let held = tcpSockets
    let waiting = table.connections.values.joined().filter {
      $0.inode == 0 && ($0.state == .established || $0.state == .closeWait)
        && ConnectionSense.holder(of: $0, among: held) != nil
    }
    return !waiting.isEmpty && waiting.allSatisfy { options.watch.ignores($0.remote) }
  }

  func releaseMemory() {
    guard let freezer else { return }
    let pids = processes.pids
    freezer.memoryBefore = processes.memoryBytes
    freezer.memory.begin(
      pids, measure: { [weak self] in self?.processes.memoryBytes ?? 0 },
      onEnd: { [weak self] bytes in self?.hasGivenBack(bytes) })
  }

  private func hasGivenBack(_ bytes: UInt64) {
    guard let freezer else { return }
    let isFirst = freezer.givenBackBytes == nil
    freezer.givenBackBytes = (freezer.givenBackBytes ?? 0) + bytes
    guard isFirst, bytes > 0 else { return }
    narrator.gaveBack(bytes)
  }

  // MARK: whether it can be

  /// What can be said before any of its processes has been started.
  static func mayFreeze(_ options: ServiceOptions) -> Bool { options.rest == .freeze && Cgroup.own() != nil }

  /// When it is there to be looked at.
  func checkFreezing() {
    guard options.rest == .freeze else { return }
    if !lifecycle.configuration.canFreeze {
      tellUnfreezable("there is no cgroup v2 that torpor may write")
    } else if lifecycle.state != .dormant, !processes.isFreezable {
      setCanFreeze(false, because: "its processes have no cgroup v2 of their own")
    }
  }

  /// It is told once. From then on it is stopped, when nothing is open.
  func setCanFreeze(_ canFreeze: Bool, because reason: String) {
    tellUnfreezable(reason)
    post(.canFreezeChanged(canFreeze))
    // What an open connection counts for is another thing now.
    loop.afterThisTurn { [weak self] in self?.changeSenses() }
  }

  func tellUnfreezable(_ reason: String) {
    guard !hasToldUnfreezable else { return }
    hasToldUnfreezable = true
    narrator.warn("Rest=freeze can't be had: \(reason); it is stopped instead, when nothing is open")
  }

  // MARK: telling

  /// What is told of a report. Nothing, of a service that goes on for a moment to see to a timer of its own, and sleeps again.
  func told(_ report: Report) -> Report? {
    guard let freezer else { return report }
    switch report {
    case .thawed where freezer.isTimerDue:
      freezer.isSeeingToTimer = true
      let teller = freezer.timerTeller
      teller.onDue = { [weak self] in self?.tellThawed() }
      teller.set(to: MonotonicClock.now() + 1_000_000_000)
      return nil
    case .resting where freezer.isSeeingToTimer: return nil
    case .frozen where freezer.isSeeingToTimer:
      freezer.isSeeingToTimer = false
      freezer.timerTeller.set(to: nil)
      return nil
    case .frozen:
      freezer.since = now
      freezer.givenBackBytes = nil
      context.connectionCount = freezer.connections.connections(limit: 0).count
      return report
    case .thawed(let after):
      context.reason = freezer.arrival
      return .thawed(after: freezer.since.map { now.since($0) } ?? after)
    default:
      if freezer.isSeeingToTimer { tellThawed() }
      return report
    }
  }

  /// It went on for a timer, and does go on.
  private func tellThawed() {
    let reason = context.reason
    defer { context.reason = reason }
    freezer?.isSeeingToTimer = false
    freezer?.timerTeller.set(to: nil)
    context.reason = "a timer of its own"
    narrator.tell(.thawed(after: freezer?.since.map { now.since($0) } ?? .zero), context)
  }

  /// Before the core is told that its deadline has come.
  func deadlineReached() {
    if case .frozen = lifecycle.state { freezer?.isTimerDue = true }
    post(.deadlineReached)
    freezer?.isTimerDue = false
  }

  /// How a frozen one is, for a person who asks.
  func explainFrozen() -> Explanation? {
    guard case .frozen(let frozen) = lifecycle.state, let freezer else { return nil }
    let since = freezer.since.map { now.since($0) }
    let (peers, count) = freezer.connections.connections(limit: Explanation.connectionsMax)
    var lines = peers.map { "\($0) stays open" }
    if count > peers.count { lines.append(peers.isEmpty ? "\(count) stay open" : "and \(count - peers.count) more") }
    if count == 0 { lines.append("nobody is connected") }
    var explanation = Explanation()
    explanation.answers.append(
      Explanation.Answer(name: "connections", isBusy: false, since: since, evidence: lines))
    let memory =
      freezer.givenBackBytes.map { "\(Numbers.bytes(Double($0))) given back" } ?? freezer.memory.obstacle
      ?? "it is being given back"
    explanation.answers.append(Explanation.Answer(name: "memory", isBusy: false, since: nil, evidence: [memory]))
    if let due = freezer.wakeAt, due > now {
      explanation.answers.append(
        Explanation.Answer(
          name: "timers", isBusy: false, since: nil,
          evidence: ["the first of its own is due in \(TimeSpan.describe(due.since(now)))"]))
    }
    let unwatched = freezer.connections.unwatched.sorted().joined(separator: ", ")
    if !unwatched.isEmpty {
      explanation.answers.append(
        Explanation.Answer(
          name: "unwatched", isBusy: false, since: nil,
          evidence: ["\(unwatched): wait until something else lets it go on"]))
    }
    if let stopAt = frozen.stopAt {
      explanation.answers.append(
        Explanation.Answer(
          name: "stop", isBusy: false, since: nil,
          evidence: ["it is stopped in \(TimeSpan.describe(stopAt.since(now))) (StopAfterFrozenSec=)"]))
    }
    return explanation
  }
}

extension Narrator {
  func gaveBack(_ bytes: UInt64) {
    tell(
      {
        var record = Record(event: "gave-back", service: name)
        record.bytesGivenBack = bytes
        return record
      }, "\(name) sleeps; \(Numbers.bytes(Double(bytes))) given back")
  }
}
