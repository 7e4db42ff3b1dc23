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
      post(.queuesRead(query, lengths))
    } catch {
      // Nobody may be taken for not waiting: the look is counted as one that saw somebody.
      narrator.warn("cannot read the queues of unix sockets (sock_diag): \(error)")
      post(.queuesRead(query, QueueLengths(current: 1)))
    }
  }

  func sample(_ query: Query) {
    look(query, includingUnix: true) { [weak self] listed in
      guard let self else { return listed }
      var sample = listed
      if let datagrams = datagramSense?.sample(at: now) { sample.add(datagrams) }
      sample.acceptQueueLength += tcpSockets.reduce(0) { $0 + $1.group.current.acceptQueueLength() }
      return sample
    }
  }

  /// Asks the kernel's tables, which all services share, and answers `query` with what `complete` makes of what they list.
  func look(_ query: Query, includingUnix: Bool, _ complete: @escaping (Sample) -> Sample) {
    var question = SocketTables.Question()
    sense?.prepare(&question)
    let unix = includingUnix ? unixSense : nil
    unix?.prepare(&question)
    tables.ask(question) { [weak self] answer in
      guard let self else { return }
      do throws(SockDiagError) {
        let table = try answer.get()
        var sample = try unix?.sample(table, at: now) ?? Sample()
        if let sense { sample.add(sense.sample(table)) }
        self.answer(query, complete(sample))
      } catch {
        narrator.warn("cannot list the service's connections (sock_diag): \(error)")
        post(.sampleFailed(query))
      }
    }
  }

  private func answer(_ query: Query, _ sample: Sample) {
    if isWakingUntold { tellWaking() }
    lastConnectionCount = sample.accepted + sample.queuedOnCurrent.count + sample.queuedOnNext.count
    post(.sampled(query, sample))
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
