import Lifecycle
import Linux

extension Service {
  func carryOut(_ action: Action) {
    if let front, carryOut(action, with: front) { return }
    switch action {
    case .arm:
      flushPending()
      for socket in sockets { socket.watch(for: .connections) }
    case .disarm: for socket in sockets { socket.watch(for: .shutDownOnly) }
    case .spawn: spawn()
    case .followSuccessor:
      context.pid = execution.followSuccessor()
    case .recordCloses:
      attempt("follow the service's connections") { () throws(Errno) in
        sense?.recordCloses()
        try unixSense?.record()
        if case .starting = lifecycle.state { datagramSense?.begin() }
        pauseRelayedSockets(false)
      }
    case .watchCloses:
      sense?.watchCloses()
      unixSense?.watch()
    case .forgetCloses:
      madeSenses?.connections?.forgetCloses()
      madeSenses?.unix?.forget()
    case .readQueues(let query): readQueues(query)
    case .sample(let query): sample(query)
    case .openNext(let indices): openNext(indices)
    case .steer(.next): steerToNext()
    case .steer(.current): steerToCurrent()
    case .barrier(let query):
      gracePeriod.begin { [weak self] in self?.post(.barrierPassed(query)) }
    case .commitDatagrams: commitDatagrams()
    case .withdrawDatagrams: withdrawDatagrams()
    case .relayStrays(let indices): relayStrays(indices)
    case .closeNext: closeNext()
    case .swap: swap()
    case .listenAgain: listenAgain()
    case .relayUnbound(let indices): relayUnbound(indices)
    case .abandon(let indices):
      for socket in sockets where indices.contains(socket.index) { socket.abandon() }
      sockets.removeAll { indices.contains($0.index) }
    case .terminateMain:
      context.givenBackBytes = processes.memoryBytes
      context.boundElsewhere = processes.boundElsewhere
      context.awaitsNotification = lifecycle.configuration.readiness == .notify
      if isLate { execution.result.noteTimeout() }
      execution.terminateMain()
    case .abortMain:
      context.boundElsewhere = processes.boundElsewhere
      context.awaitsNotification = lifecycle.configuration.readiness == .notify
      execution.abortMain()
    case .terminateAll: execution.terminateAll()
    case .killAll: execution.killAll()
    case .freeze(let query): freeze(query)
    case .thaw: thaw()
    case .holdConnections(let query): holdConnections(query)
    case .releaseConnections: freezer?.connections.release()
    case .releaseMemory: releaseMemory()
    case .report(let report): tell(report)
    case .finish: finish()
    }
  }

  /// It is ended for having taken too long, or having run for too long: $SERVICE_RESULT is "timeout" (systemd.exec(5)).
  private var isLate: Bool {
    guard case .stopping(let stopping) = lifecycle.state, case .failure(let failure) = stopping.purpose else {
      return false
    }
    return switch failure {
    case .startTimedOut, .ranTooLong: true
    case .cannotStart, .diedStarting, .died, .leftClientsWaiting, .watchdog: false
    }
  }

  /// What can't be done now is told and isn't fatal: the step that relies on it asks again.
  private func attempt(_ what: String, _ body: () throws(Errno) -> Void) {
    do throws(Errno) { try body() } catch { narrator.warn("cannot \(what): \(error)") }
  }

  /// Where that is asked for, nobody is served by another instance than the one that they came to.
  private func flushPending() {
    guard options.flushesPending else { return }
    for socket in sockets {
      attempt("turn away who waits on \(socket.name)") { () throws(Errno) in
        if try socket.flush() {
          narrator.warn("what waited on \(socket.name) was thrown away, as FlushPending= asks for")
        }
      }
    }
  }

  // MARK: generations

  private func openNext(_ indices: Set<Int>) {
    pauseRelayedSockets(true)
    if let stranger = tcpSockets.first(where: { $0.isHandedOver && isShared($0.address) }) {
      context.reason =
        "somebody else listens on \(stranger.address), too (SO_REUSEPORT), and would get its connections"
      return post(.nextUnavailable)
    }
    do throws(Errno) {
      for socket in sockets where indices.contains(socket.index) && socket.isHandedOver { try socket.openNext() }
      post(.nextOpened)
    } catch {
      // Nothing was steered to them, so they are empty.
      for socket in sockets { _ = try? socket.closeNext() }
      context.reason = "no second socket can be had: \(error)"
      post(.nextUnavailable)
    }
  }

  /// The steering program counts the sockets of a group: with a stranger's among them it would point at the wrong one.
  private func isShared(_ address: SocketAddress) -> Bool {
    (try? sense?.listenerCount(address)) != 1
  }

  /// While a rest is under way, what comes to a relayed address waits in its own queue, whoever will serve it.
  private func pauseRelayedSockets(_ isPaused: Bool) {
    for socket in sockets where !socket.isHandedOver { socket.watch(for: isPaused ? .shutDownOnly : .connections) }
  }

  private func steerToNext() {
    do throws(Errno) {
      for socket in sockets where socket.isHandedOver { try socket.steerToNext() }
    } catch {
      context.reason = "new connections can't be steered away from it: \(error)"
      post(.steeringFailed)
    }
  }

  private func commitDatagrams() {
    do throws(Errno) {
      for socket in datagramSockets { try socket.commit() }
    } catch {
      context.reason = "new datagrams can't be steered away from it: \(error)"
      post(.steeringFailed)
    }
  }

  private func withdrawDatagrams() {
    do throws(Errno) {
      for socket in datagramSockets { try socket.withdraw() }
    } catch {
      context.reason = "new datagrams can't be steered back to it: \(error)"
      post(.steeringFailed)
    }
  }

  private func steerToCurrent() {
    for socket in sockets where socket.isHandedOver {
      // If it fails, the next sockets go on getting new connections until they close, which hands all of them back.
      attempt("steer new connections back to the service") { () throws(Errno) in try socket.steerToCurrent() }
      socket.watch(for: .shutDownOnly)
    }
  }

  private func relayStrays(_ indices: Set<Int>) {
    for socket in sockets where indices.contains(socket.index) && socket.isHandedOver {
      attempt("relay a connection to \(socket.name)") { () throws(Errno) in strays += try socket.relayStrays() }
    }
  }

  private func closeNext() {
    // Somebody may have turned it off since we began.
    if lifecycle.configuration.canMigrate, !MigrationSetting.isEnabled {
      relayStrays(Set(tcpSockets.map(\.index)))
    }
    var count = strays
    strays = 0
    for socket in sockets where socket.isHandedOver {
      attempt("close the second socket of \(socket.name)") { () throws(Errno) in count += try socket.closeNext() }
    }
    post(.nextClosed(strays: count))
  }

  private func swap() {
    endInstance()
    if options.execution.killMode == .process {
      for socket in tcpSockets where socket.isHandedOver { socket.shutDownCurrent() }
    }
    for socket in sockets where socket.isHandedOver {
      attempt("swap the sockets of \(socket.name)") { () throws(Errno) in
        let left = try socket.swap(migrates: lifecycle.configuration.canMigrate)
        if left > 0 { narrator.warn(Self.late(left, socket)) }
      }
    }
    for socket in sockets { socket.stopRelaying() }
  }

  private static func late(_ count: Int, _ socket: any HeldSocket) -> String {
    switch socket.kind {
    case .datagram: "the service left datagrams to \(socket.name) unread, which are lost"
    case .tcp, .unixPath, .fixed: "\(count) connections to \(socket.name) came in late and were moved"
    }
  }

  private func listenAgain() {
    // Nobody of the service is left then.
    if case .stopping = lifecycle.state { replaceUnheard() }
    for socket in sockets {
      attempt("listen on \(socket.name) again") { () throws(Errno) in try socket.listenAgain() }
      socket.watch(for: lifecycle.state == .dormant ? .connections : .shutDownOnly)
    }
  }

  /// A service that binds one of the two addresses that "8080" means is reached by the other, too.
  private func relayUnbound(_ indices: Set<Int>) {
    for socket in tcpSockets where indices.contains(socket.index) {
      let companion = tcpSockets.first {
        $0.nameIndex == socket.nameIndex && !indices.contains($0.index)
      }
      guard let companion else { continue }
      socket.relayTarget = companion.relayTarget ?? companion.address
      adopted(socket.index)
    }
  }

  /// Sockets that are good for nobody any more, and can be replaced only when no process has them.
  private func replaceUnheard() {
    for socket in sockets.compactMap({ $0 as? HeldAbstractSocket }) {
      attempt("listen on \(socket.name) again") { () throws(Errno) in try socket.replaceIfShutDown() }
    }
    for socket in datagramSockets {
      attempt("listen on \(socket.name) again") { () throws(Errno) in try socket.replaceIfConnected() }
    }
  }

  /// What is written to it would keep the service up for ever.
  func abandonUnread(_ fifo: HeldFIFO) {
    narrator.warn("nobody reads \(fifo.name): no longer held, so that it doesn't keep the service up")
    fifo.abandon()
    sockets.removeAll { $0 === fifo }
  }

  // MARK: telling

  private func tell(_ report: Report) {
    switch report {
    case .waking:
      isWakingUntold = true
      return
    case .failed(let failure, _, _):
      endInstance()
      flushPending()
      context.reason = narrator.failureReason(failure, context)
    case .serving:
      senses?.begin(at: now)
      checkFreezing()
      if isWakingUntold { tellWaking() }
      nameClient()
    case .leftByItself: endInstance()
    case .listenerShutDown(let index):
      guard let name = sockets.first(where: { $0.index == index && $0 is HeldAbstractSocket })?.name else { break }
      return narrator.warn("it shut \(name) down, where nobody can be reached until it has ended")
    // Commands of its own run, after its last process.
    case .stopTimedOut, .leftoversKilled:
      if execution.isCleaning { return }
    case .dormant: checkFreezing()
    case .resting, .restAborted, .restImpossible, .rested, .frozen, .thawed, .wentToBackground, .neverBound,
      .stopping, .stopped, .readyToVerify, .restarting, .startLimitHit, .triggerLimitHit:
      break
    }
    if let told = told(report) { narrator.tell(told, context) }
    onReport?(report)
  }

  private func finish() {
    endInstance()
    for socket in sockets { socket.release() }
    madeRuntime?.processes.dropCgroup()
    // The service is gone; what it has sent may still be on its way through us.
    relays.finish(within: .seconds(5)) { [weak self] in self?.onEnd?() }
  }
}
