import Lifecycle
import Linux

/// How a service is looked at: what its `Lifecycle` asks, and the senses answer.
extension Service {
  func readQueues(_ query: Query) {
    do throws(SockDiagError) {
      var lengths = try unixSense?.queueLengths() ?? QueueLengths(current: 0)
      lengths.current += datagramSense?.queueLengths().current ?? 0
      for socket in tcpSockets where socket.isHandedOver {
        lengths.current += socket.group.current.acceptQueueLength()
        let next = socket.group.nextAcceptQueueLength()
        if next > 0 { lengths.next[socket.index] = next }
      }
      addNextDatagrams(to: &lengths)
      if case .starting(let starting) = lifecycle.state {
        lengths.areTaken = areTaken
        tellElsewhere(starting.instance)
      }
      post(.queuesRead(query, lengths))
    } catch {
      // Nobody may be taken for not waiting: the look is counted as one that saw somebody.
      narrator.warn("cannot read the queues of unix sockets (sock_diag): \(error)")
      var lengths = QueueLengths(current: 1)
      for socket in sockets where socket.kind == .unixPath { lengths.next[socket.index] = 1 }
      addNextDatagrams(to: &lengths)
      post(.queuesRead(query, lengths))
    }
  }

  private func addNextDatagrams(to lengths: inout QueueLengths) {
    for socket in datagramSockets where socket.group.nextHasUnread { lengths.next[socket.index] = 1 }
  }

  /// Each of its sockets has become non-blocking, which no start leaves it as: a server with an event loop has taken it over. One that
  /// blocks in accept() can't be told from one that has not come to its sockets.
  private var areTaken: Bool {
    sockets.allSatisfy { $0.isHandedOver && $0.isNonBlocking }
  }

  /// One that has bound something by now and nothing that is held has mostly another address in its configuration than
  /// was said here. Told while somebody still waits, and not at the end of the start timeout; and of one that nobody
  /// waits for, which counts as started a little later.
  private func tellElsewhere(_ instance: Lifecycle.Instance) {
    guard !hasToldElsewhere, instance.adopted.isEmpty, now.since(instance.wokenAt) >= Self.elsewhereGrace
    else { return }
    let elsewhere = processes.boundElsewhere
    guard !elsewhere.isEmpty, !areTaken else { return }
    hasToldElsewhere = true
    let held = context.listening.joined(separator: ", ")
    narrator.warn(
      "it has bound \(elsewhere.joined(separator: ", ")) and nothing yet of what is held for it (\(held)), where clients "
        + "wait for it: hold what it binds, or have it bind what is held")
  }
  /// Most that bind several addresses do so within a moment.
  private static let elsewhereGrace = Duration.seconds(3)

  func sample(_ query: Query) {
    look(query, includingUnix: true) { [weak self] listed in
      guard let self else { return listed }
      var sample = listed
      if let datagrams = datagramSense?.sample(at: now) { sample.add(datagrams) }
      sample.acceptQueueLength += tcpSockets.reduce(0) { $0 + $1.group.current.acceptQueueLength() }
      return sample
    }
  }

  /// Answers `query` with what `complete` makes of the connections that the kernel lists, and with what the other senses say. These
  /// are asked only while the service runs: the steps of a rest are short, and about connections.
  func look(_ query: Query, includingUnix: Bool, _ complete: @escaping (Sample) -> Sample) {
    guard isRunning else {
      return lookOnce(includingUnix, asksSenses: false, complete) { [weak self] in self?.answer([query], $0) }
    }
    looks.append(query)
    // The look that is under way will answer this question, too: it ends with a dump that is begun after it.
    if busyCheck?.isUnderWay == true { return }
    lookOnce(includingUnix, asksSenses: true, complete) { [weak self] sample in
      guard let self else { return }
      guard var sample, isRunning, let busyCheck, !busyCheck.isUnderWay, !isInUse(sample) else {
        return answerLooks(sample)
      }
      guard busyCheck.isWorthAsking(at: now) || isRestDue(sample) else {
        sample.saysBusy = busyCheck.saidBusy
        return answerLooks(sample)
      }
      // All that can be seen is quiet, so its own word is asked for; and then all is looked at again, as that takes its time.
      disregardsVisits(true)
      busyCheck.run { [weak self] outcome in
        guard let self else { return }
        note(outcome)
        lookOnce(includingUnix, asksSenses: true, complete) { [weak self] sample in
          var sample = sample
          sample?.saysBusy = busyCheck.saidBusy
          self?.disregardsVisits(false)
          self?.answerLooks(sample)
        }
      }
    }
  }

  private func isRestDue(_ sample: Sample) -> Bool {
    guard case .running(let running) = lifecycle.state, let timeout = lifecycle.configuration.idleTimeout else {
      return false
    }
    return max(running.lastEvidence, sample.lastUse ?? running.lastEvidence).advanced(by: timeout) <= now
  }

  /// nil: what was to be seen can't be.
  func answerLooks(_ sample: Sample?) {
    let queries = looks
    looks = []
    answer(queries, sample)
  }

  /// nil: the kernel could not be asked.
  private func lookOnce(
    _ includingUnix: Bool, asksSenses: Bool, _ complete: @escaping (Sample) -> Sample,
    _ isDone: @escaping (Sample?) -> Void
  ) {
    var question = SocketTables.Question()
    sense?.prepare(&question)
    let unix = includingUnix ? unixSense : nil
    unix?.prepare(&question)
    let isSpared = senses?.isSpared ?? false
    if asksSenses, !isSpared { senses?.prepare(&question) }
    // A service that is started in this very turn may have accepted by the end of it whoever has woken it.
    tables.ask(question, isUrgent: isWakingUntold) { [weak self] answer in
      guard let self else { return }
      do throws(SockDiagError) {
        let table = try answer.get()
        var listed = try unix?.sample(table, at: now) ?? Sample()
        if let sense { listed.add(sense.sample(table, at: now, isRunning: isRunning)) }
        var sample = complete(listed)
        if asksSenses, let senses {
          senses.note(isConnected(sample) ? .busy([]) : .quiet([]), of: SenseTable.connections, at: now)
          let isAtWork = !isSpared && senses.look(table, at: now)
          let isOver = senses.spare(sample.accepted > 0 && !lifecycle.configuration.allowsSilence, at: now)
          sample.isAtWork = isAtWork || isOver
        }
        // Of those that are relayed we have the connections ourselves.
        guard let unix, front == nil else { return isDone(sample) }
        unix.addForeign(to: sample, table, at: now, isDone)
      } catch {
        senses?.note(.blind(Self.unlisted(error)), of: SenseTable.connections, at: now)
        isDone(nil)
      }
    }
  }

  var isRunning: Bool {
    if case .running = lifecycle.state { true } else { false }
  }

  /// Whether the connections alone keep it up.
  private func isInUse(_ sample: Sample) -> Bool {
    sample.accepted > 0 && !lifecycle.configuration.allowsSilence || !sample.queuedOnCurrent.isEmpty || sample.hasClosed
      || !lifecycle.disregardsOwnStart && senses?.isBusy ?? false
  }

  /// Somebody is there now, as far as that counts.
  private func isConnected(_ sample: Sample) -> Bool {
    if !sample.queuedOnCurrent.isEmpty || sample.unreadDatagrams > 0 { return true }
    guard sample.accepted > 0 else { return false }
    guard lifecycle.configuration.allowsSilence, let timeout = lifecycle.configuration.idleTimeout else { return true }
    return sample.lastUse.map { now.since($0) < timeout } ?? false
  }

  static func unlisted(_ error: SockDiagError) -> String {
    "the service's connections can't be listed (sock_diag(7)): \(error)"
  }

  private func note(_ outcome: BusyCheck.Outcome) {
    let verdict: Verdict
    switch outcome {
    case .idle(let line): verdict = .quiet(["the busy check said: \(line ?? "idle")"])
    case .busy(let line): verdict = .busy(["the busy check said: \(line ?? "busy")"])
    case .failed(let text): verdict = .blind("the busy check \(text)")
    }
    senses?.note(verdict, of: SenseTable.busyCheck, at: now)
  }

  /// After each event: nobody waits for the word of a service that doesn't run any more.
  func updateBusyCheck() {
    guard !isRunning, let busyCheck = madeSenses?.busyCheck, busyCheck.isUnderWay else { return }
    busyCheck.abandon()
    disregardsVisits(false)
    looks = []
  }

  private func answer(_ queries: [Query], _ sample: Sample?) {
    var sample = sample
    if isWakingUntold, sample != nil {
      sample?.isOnlyIgnored = isOnlyIgnoredWaiting
      tellWaking()
    }
    if let sample {
      output.looked()
      lastConnectionCount = sample.accepted + sample.queuedOnCurrent.count + sample.queuedOnNext.count
    }
    for query in queries { post(sample.map { .sampled(query, $0) } ?? .sampleFailed(query)) }
  }

  private var isOnlyIgnoredWaiting: Bool {
    let waiting = sense?.waiting ?? []
    return !waiting.isEmpty && waiting.allSatisfy { options.watch.ignores($0.remote) }
      && unixSense?.firstWaiting == nil && datagramSense?.firstWaiting == nil
  }

  func tellWaking() {
    isWakingUntold = false
    wakingClient = WakingClient(
      tcp: sense?.waiting.first, udp: datagramSense?.firstWaiting, unix: unixSense?.firstWaiting)
    context.client = wakingClient?.described(withProcess: false)
    narrator.tell(.waking, context)
  }

  /// Whose connection it was. Looked up when the service no longer waits for us: /proc can be long.
  func nameClient() {
    guard let client = wakingClient else { return }
    wakingClient = nil
    context.client = client.described(withProcess: true)
  }
}
