import Lifecycle
import Testing

/// A service that was woken by sources that don't count: a probe, a health check.
@Suite struct IgnoredSourceTests {
  private func woken(configure: (inout Lifecycle.Configuration) -> Void = { _ in }) -> Script {
    var script = Script(configure: configure)
    script.send(.connectionWaiting)
    script.send(.spawned)
    script.answer {
      $0.queuedOnCurrent = [7]
      $0.acceptQueueLength = 1
      $0.isOnlyIgnored = true
    }
    script.send(.adopted(socket: 0), after: .milliseconds(1))
    return script
  }

  /// Looks that show nothing until it rests; how long that takes.
  private func timeToRest(_ script: inout Script) -> Duration {
    let begin = script.now
    for _ in 0..<100 where script.isRunning {
      script.reachDeadline()
      script.answer()
    }
    return script.now.since(begin)
  }

  @Test func itRestsWithoutTheIdleTime() {
    var script = woken()
    #expect(timeToRest(&script) == .seconds(1))
    #expect(script.actions.last == .openNext(sockets: [0]))
  }

  /// However seldom services with its timeout are looked at.
  @Test func itRestsAsSoonWithALongTimeout() {
    var script = woken { $0.idleTimeout = .seconds(1800) }
    #expect(timeToRest(&script) == .seconds(1))
    var slow = woken {
      $0.idleTimeout = .seconds(1800)
      $0.minimumUptime = .seconds(10)
    }
    #expect(timeToRest(&slow) == .seconds(10))
  }

  @Test func itRunsForItsMinimumUptime() {
    var script = woken { $0.minimumUptime = .seconds(7) }
    #expect(script.lifecycle.earliestRest == script.now.advanced(by: .seconds(7)))
    #expect(timeToRest(&script) == .seconds(7))
  }

  @Test(arguments: [true, false])
  func whoeverElseComesHasTheIdleTime(isSeen: Bool) {
    var script = woken()
    if isSeen {
      script.reachDeadline()
      script.answer { $0.queuedOnCurrent = [8] }
    } else {
      script.send(.connectionClosed)
    }
    #expect(timeToRest(&script) >= .seconds(15))
  }

  @Test func whatCannotBeSeenIsSomebodyElse() {
    var script = woken()
    script.reachDeadline()
    script.failSample()
    #expect(timeToRest(&script) >= .seconds(15))
  }

  @Test func aVisitBeforeTheFirstLookIsOne() {
    var script = Script()
    script.send(.connectionWaiting)
    script.send(.spawned)
    script.answer {
      $0.hasClosed = true
      $0.isOnlyIgnored = true
    }
    script.send(.adopted(socket: 0))
    #expect(timeToRest(&script) >= .seconds(15))
  }

  @Test func aRestThatIsGivenUpWasUsed() {
    var script = woken()
    _ = timeToRest(&script)
    script.send(.nextOpened)
    script.passBarrier()
    script.answer { $0.accepted = 1 }
    script.passBarrier()
    script.answer()
    script.send(.nextClosed(strays: 0))
    #expect(script.isRunning)
    #expect(timeToRest(&script) >= .seconds(15))
  }

  @Test func neverIsNever() {
    var script = woken { $0.idleTimeout = nil }
    #expect(script.lifecycle.deadline == nil)
    #expect(script.lifecycle.earliestRest == nil)
    script.send(.pinned(true))
    #expect(script.isRunning)
  }
}
