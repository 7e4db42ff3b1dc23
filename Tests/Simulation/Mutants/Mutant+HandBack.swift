import Simulation

// A rest, and one that is given up.

extension Mutant {
  /// Orderings and guards of the rest.
  static let ofRests = [
    Mutant(
      "restDoesNotSteer", "new connections go on coming to the service during the rest", .rest,
      "return [.steer(.next), .barrier(query)]", "return [.barrier(query)]",
      [.noConnectionLost, .neverRestsWithAcceptedConnection], 100),
    Mutant(
      "steeringFailureIsIgnored", "the rest goes on when steering has failed", .rest,
      ": giveUpRest(draining.instance, isImpossible: true, at: now)\n    case .deadlineReached:",
      ": []\n    case .deadlineReached:",
      [.noConnectionLost, .neverRestsWithAcceptedConnection], 20_000),
    Mutant(
      "restSkipsBarrier", "the rest goes on as if the barrier had passed", .rest,
      "return [.steer(.next), .barrier(query)]",
      "return [.steer(.next)] + handle(.barrierPassed(query), draining: draining, at: now)",
      [.neverRestsWithAcceptedConnection, .noConnectionLost], 2_000),
    Mutant(
      "restSkipsHandshakes", "the rest goes from the barrier straight to the queue", .rest,
      "draining.step = .handshakeSnapshot(look)", "return awaitHandshakes([], draining, at: now)",
      [.neverRestsWithAcceptedConnection, .noConnectionLost], 1_000),
    Mutant(
      "restLooksOnceMore", "after the second look no handshake is waited for", .rest,
      "awaitHandshakes(pending.intersection(sample.handshakes), draining, at: now)",
      "awaitHandshakes([], draining, at: now)", [.neverRestsWithAcceptedConnection, .noConnectionLost], 2_000),
    Mutant(
      "restIgnoresAccepted", "the rest goes on although a connection is in hand", .rest,
      "sample.accepted > 0 && !allowingSilence || ", "", [.neverRestsWithAcceptedConnection, .neverEarly], 500),
    Mutant(
      "restIgnoresQueued", "the rest goes on although a connection that came in by the old socket waits", .rest,
      "|| !sample.queuedOnCurrent.isEmpty ", "", [.neverRestsWithAcceptedConnection, .neverEarly], 4_000),
    Mutant(
      "restIgnoresCloses", "the rest goes on although a visitor came and went", .rest,
      "!sample.queuedOnCurrent.isEmpty || sample.hasClosed", "!sample.queuedOnCurrent.isEmpty", [.neverEarly], 20_000),
    Mutant(
      "noReturnWhenMainDies", "the main process dies during the rest, and what waits on both sockets stays apart",
      .rest,
      "if draining.isCommitted { return clearAway(draining.instance, .rest, at: now) }",
      "if !draining.isCommitted { return leave(draining.instance, status, at: now) }",
      [.everyWaiterIsServedIfItCanStart, .stopsWhenAsked], 8_000),
    Mutant(
      "restDoesNotSwap", "the socket that new connections were steered to doesn't become the held one", .stop,
      ".swap, .forgetCloses,", ".forgetCloses,", [.everyWaiterIsServedIfItCanStart], 50),
    Mutant(
      "armsBeforeSwap", "watched is the socket that is then closed", .stop,
      "return [.swap, .forgetCloses, rested] + listening + next", "return next + [.swap, .forgetCloses, rested]",
      [.everyWaiterIsServedIfItCanStart], 50),
  ]

  /// The same the other way.
  static let ofReturns = [
    Mutant(
      "returnDoesNotSteer", "new connections go on coming to the second socket when the rest is given up", .giveUp,
      "[.steer(.current), .barrier(query)]", "[.barrier(query)]", [.noConnectionLost], 3_000),
    Mutant(
      "returnSkipsBarrier", "a rest that is given up waits for no barrier", .giveUp,
      "return thawing + [.steer(.current), .barrier(query)]",
      "return thawing + [.steer(.current)] + handle(.barrierPassed(query), at: now)",
      [.noConnectionLost], 10_000),
    Mutant(
      "returnSkipsHandshakes", "the second socket closes although a handshake on it is pending", .giveUp,
      "awaitHandshakes(sample.handshakes, returning, at: now)", "awaitHandshakes([], returning, at: now)",
      [.noConnectionLost], 1_000),
    Mutant(
      "returnClosesInTime", "the second socket closes at the deadline, whatever is pending on it", .giveUp,
      "if returning.isLate { return close(returning) }", "return close(returning)", [.noConnectionLost], 5_000),
    Mutant(
      "returnTakesFailureForEmpty", "a look that fails while the rest is given up shows no handshake", .giveUp,
      """
      case .handshakeSnapshot(query): return retryLater(returning, at: now)
            case .handshakes(let pending, query): return pause(pending, returning, at: now)
      """, "case .handshakeSnapshot(query), .handshakes(_, query): return awaitHandshakes([], returning, at: now)",
      [.noConnectionLost], 20_000),
    Mutant(
      "returnCountsOnMigration", "nothing is relayed where the kernel doesn't move a queue", .giveUp,
      "relays: configuration.relayed.intersection(held)", "relays: []", [.noConnectionLost], 2_000),
    Mutant(
      "returnIgnoresDeath", "the main process has died meanwhile, and the service runs on", .giveUp,
      "if let status = instance.mainExit {", "if let status = instance.mainExit, false {",
      [.everyWaiterIsServedIfItCanStart, .stopsWhenAsked], 8_000),
    Mutant(
      "returnIsNoUse", "a rest that was given up can begin anew at once", .giveUp,
      "Running(instance: instance, lastEvidence: now,", "Running(instance: instance, lastEvidence: instance.wokenAt,",
      [.neverEarly], 3_000),
  ]

  /// Unix paths and datagrams.
  static let ofOtherSockets = [
    Mutant(
      "commitSkipsBarrier", "datagrams are steered, and their barrier isn't waited for", .rest,
      "return [.commitDatagrams, .barrier(query)] + thawing",
      """
      state = .draining(draining)
          return [.commitDatagrams] + thawing + handle(.barrierPassed(query), draining: draining, at: now)
      """, in: .udp, [.neverRestsWithAcceptedConnection], 2_000),
    Mutant(
      "commitsAtOnce", "datagrams are steered together with connections, while there may be a way back", .rest,
      "return [.steer(.next), .barrier(query)]",
      "return [.steer(.next)] + (configuration.commitsDatagrams ? [.commitDatagrams] : []) + [.barrier(query)]",
      in: .udp,
      [.noConnectionLost], 300),
    Mutant(
      "answersAreNotAwaited", "a service that has just read a datagram is told to end", .rest,
      "return isAnswering || sample.accepted > 0", "return sample.accepted > 0", in: .udp,
      [.neverRestsWithAcceptedConnection], 500),
    Mutant(
      "unreadIsNotAwaited", "a service that has not read its datagrams is told to end", .rest,
      "sample.unreadDatagrams > 0 || sample.hasReceived", "sample.hasReceived", in: .udp,
      [.neverRestsWithAcceptedConnection], 2_000),
    Mutant(
      "neverWithdraws", "a use after the commitment is no reason to give the rest up", .rest,
      "if isInUse || mayHaveRead, draining.canWithdraw { return withdraw(draining, at: now) }", "", in: .udp,
      [.neverEarly, .neverRestsWithAcceptedConnection], 500),
    Mutant(
      "withdrawsBlindly", "a commitment is withdrawn although datagrams have come to the next socket", .rest,
      "return hasCome ? commitForGood(draining, at: now) : giveUpRest", "return giveUpRest", in: .udp,
      [.noConnectionLost], 500),
    Mutant(
      "withdrawalBarrierFirst", "the barrier begins before datagrams are steered back", .rest,
      "return [.withdrawDatagrams, .barrier(query)]", "return [.barrier(query), .withdrawDatagrams]", in: .udp,
      [.noConnectionLost], 1_000),
    Mutant(
      "wordsDoNotWithdraw", "after the commitment no word against the rest is heard", .requests,
      "case .draining(let draining): return interrupt(draining, at: now)",
      "case .draining(let draining): return draining.isCommitted ? [] : interrupt(draining, at: now)", in: .owner,
      [.neverRestsAgainstAWord], 3_000),
    Mutant(
      "unixIsNotSteered", "a unix path gets no second socket", .configuration,
      "case .tcp, .unixPath: true\n          case .datagram: !restsByKill",
      "case .tcp: true\n          case .unixPath: false\n          case .datagram: !restsByKill", in: .unix,
      [.noConnectionLost, .neverRestsWithAcceptedConnection], 500),
    Mutant(
      "unixIsNotRelayed", "what waits on a unix path's second socket is left to migration", .configuration,
      "          case .unixPath: true\n          case .datagram, .fixed: false",
      "          case .unixPath, .datagram, .fixed: false", in: .unix, [.noConnectionLost], 500),
  ]
}
