import Lifecycle
import Testing

@Suite struct StopTests {
  @Test func aServiceThatIgnoresSIGTERMIsKilled() {
    var script = Script()
    script.rest()
    let told = script.now
    #expect(script.reachDeadline() == [.killAll, .report(.stopTimedOut(after: .seconds(90)))])
    #expect(script.now.since(told) == .seconds(90))
    #expect(script.reachDeadline() == [.killAll])
    script.send(.mainExited(.signalled(9, dumpedCore: false), hasSuccessor: false))
    script.send(.allProcessesGone)
    #expect(script.isDormant)
  }

  @Test func leftoversHaveFiveSeconds() {
    var script = Script()
    script.rest()
    #expect(script.send(.mainExited(.exited(code: 0), hasSuccessor: true)) == [.terminateAll])
    let told = script.now
    #expect(script.reachDeadline() == [.killAll, .report(.leftoversKilled)])
    #expect(script.now.since(told) == .seconds(5))
  }

  @Test func theTwoEndsOfAnInstanceComeInAnyOrder() {
    var script = Script()
    script.rest()
    #expect(script.send(.allProcessesGone).isEmpty)
    #expect(script.send(.mainExited(.exited(code: 0), hasSuccessor: false)).first == .swap)
  }

  @Test func stopEndsDormantAtOnce() {
    var script = Script()
    #expect(script.send(.stopRequested) == [.disarm, .report(.stopped), .finish])
    #expect(script.lifecycle.state == .ended)
    #expect(script.send(.connectionWaiting).isEmpty)
  }

  /// A way to a state, by name, as a test's argument.
  enum Place: String, CaseIterable, Sendable {
    case starting, running, opening, draining, returning, stopping

    func go(_ script: inout Script) {
      switch self {
      case .starting: script.wake()
      case .running: script.run()
      case .opening: script.becomeIdle()
      case .draining: script.drain()
      case .returning:
        script.drain()
        script.failSample()
      case .stopping: script.rest()
      }
    }
  }

  @Test(arguments: Place.allCases)
  func stopEndsTheServiceWhereverItIs(place: Place) {
    var script = Script()
    place.go(&script)
    script.send(.stopRequested)
    #expect(script.reports.contains(.stopping))
    #expect(script.isStopping)
    script.send(.mainExited(.exited(code: 0), hasSuccessor: false))
    script.send(.allProcessesGone)
    #expect(script.actions == [.disarm, .report(.stopped), .finish])
  }

  @Test(arguments: Place.allCases)
  func stopAtOnceKillsWhereverItIs(place: Place) {
    var script = Script()
    place.go(&script)
    #expect(script.send(.stopAtOnceRequested) == [.disarm, .killAll])
    #expect(script.reachDeadline() == [.killAll])
    script.send(.allProcessesGone)
    script.send(.mainExited(.signalled(9, dumpedCore: false), hasSuccessor: false))
    #expect(script.lifecycle.state == .ended)
  }

  @Test func stopWhileBackingOffEndsAtOnce() {
    var script = Script()
    script.send(.connectionWaiting)
    script.send(.spawnFailed)
    script.answer { $0.queuedOnCurrent = [7] }
    #expect(script.isBackingOff)
    script.send(.stopRequested)
    #expect(script.lifecycle.state == .ended)
  }

  /// No process is left that could end once more.
  @Test(arguments: [Event.stopRequested, .stopAtOnceRequested])
  func stopEndsWithAnInstanceThatIsGoneAlready(request: Event) {
    var script = Script()
    script.drain()
    script.send(.mainExited(.signalled(11, dumpedCore: true), hasSuccessor: false))
    script.send(.allProcessesGone)
    #expect(script.isReturning)
    script.send(request)
    #expect(script.lifecycle.state == .ended)
    #expect(script.actions.last == .finish)
  }
}
