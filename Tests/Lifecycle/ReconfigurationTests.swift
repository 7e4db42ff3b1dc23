import Lifecycle
import Testing

/// What its owner wants from now on.
@Suite struct ReconfigurationTests {
  /// It is looked at for another reason than its idle time: it may have stopped accepting.
  @Test func aUseIsRememberedForATimeoutThatComesLater() {
    var script = Script(idle: nil)
    script.run()
    script.send(.listenerShutDown(socket: 0))
    script.reachDeadline()
    script.answer { $0.hasClosed = true }
    let use = script.now
    var configuration = script.lifecycle.configuration
    configuration.idleTimeout = .seconds(16)
    script.send(.reconfigured(configuration))
    while script.isRunning {
      script.reachDeadline()
      script.answer()
    }
    #expect(script.now.since(use) >= .seconds(16))
  }

  @Test func anotherTimeoutAppliesFromNowOn() {
    var script = Script.running()
    var configuration = script.lifecycle.configuration
    configuration.idleTimeout = .seconds(1_600)
    script.send(.reconfigured(configuration))
    let begin = script.now
    while script.isRunning {
      script.reachDeadline()
      script.answer()
    }
    #expect(script.now.since(begin) > .seconds(1_500))
  }

  @Test func duringARestEverythingStaysAsItIs() {
    var script = Script()
    script.becomeIdle()
    var configuration = script.lifecycle.configuration
    configuration.drainTimeout = .seconds(1)
    script.send(.reconfigured(configuration))
    script.send(.nextOpened)
    script.passBarrier()
    #expect(script.lifecycle.configuration.drainTimeout == .milliseconds(50))
    script.answer()
    script.answerQueues()
    script.answer()
    #expect(script.lifecycle.configuration.drainTimeout == .seconds(1))
  }

  /// A database that recovers at its start, and says how long that takes.
  @Test(arguments: [true, false])
  func aStartThatWasExtendedStaysSo(isReloaded: Bool) {
    var script = Script()
    script.wake()
    script.send(.timeoutExtended(.seconds(600)), after: .seconds(60))
    let end = script.now.advanced(by: .seconds(600))
    var configuration = script.lifecycle.configuration
    configuration.idleTimeout = .seconds(60)
    script.send(isReloaded ? .reconfigured(configuration) : .canFreezeChanged(false), after: .seconds(100))
    #expect(script.lifecycle.configuration.idleTimeout == (isReloaded ? .seconds(60) : .seconds(16)))
    while let due = script.lifecycle.deadline, due < end {
      script.reachDeadline()
      script.answerQueues(current: 1)
      guard !script.isStopping else { break }
    }
    #expect(!script.isStopping)
    #expect(script.lifecycle.deadline.map { $0 >= end } ?? false)
    // Another limit is another.
    configuration.startTimeout = .seconds(300)
    script.send(.reconfigured(configuration))
    #expect(script.lifecycle.deadline == script.now)
  }

  @Test func otherSocketsAreAnotherService() {
    var script = Script.running()
    var configuration = script.lifecycle.configuration
    configuration.sockets = [.tcp, .tcp]
    script.send(.reconfigured(configuration))
    #expect(script.lifecycle.configuration.sockets == [.tcp])
  }

  @Test func whatCannotBeFrozenAnyMoreIsStopped() {
    var script = Script {
      $0.rest = .freeze
      $0.canFreeze = true
    }
    script.run()
    script.send(.canFreezeChanged(false))
    script.send(.restRequested)
    #expect(script.answer { $0.accepted = 1 } == [.recordCloses, .report(.restAborted(strays: 0))])
    script.send(.restRequested)
    #expect(script.answer().last == .openNext(sockets: [0]))
  }

  @Test func aServiceHasItsMinimumUptime() {
    var script = Script(idle: .seconds(1)) { $0.minimumUptime = .seconds(10) }
    script.run()
    let ready = script.now
    while script.isRunning {
      script.reachDeadline()
      script.answer()
    }
    #expect(script.now.since(ready) >= .seconds(10))
    #expect(script.now.since(ready) < .seconds(10.2))
  }
}
