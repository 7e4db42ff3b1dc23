import Lifecycle
import Testing

/// A service that says that it leaves (STOPPING=1) while it is put to rest.
@Suite struct LeavingTests {
  private func resting(configure: (inout Lifecycle.Configuration) -> Void = { _ in }) -> Script {
    var script = Script(configure: configure)
    script.becomeIdle()
    return script
  }

  /// Frozen on its way out it would serve nobody who comes later, and have no time limit.
  @Test func itIsNotFrozen() {
    var script = resting {
      $0.rest = .freeze
      $0.canFreeze = true
    }
    #expect(script.asksToFreeze)
    script.send(.notifiedStopping)
    #expect(script.actions.first == .thaw)
    #expect(script.isStopping)
    #expect(script.lifecycle.deadline == script.now.advanced(by: .seconds(90)))
  }

  @Test func itEndsThoughTheRestCannotBe() {
    var script = resting()
    #expect(script.actions.last == .openNext(sockets: [0]))
    script.send(.notifiedStopping)
    script.send(.nextUnavailable)
    #expect(script.reports == [.restImpossible(retryIn: .seconds(16))])
    #expect(script.isStopping)
    #expect(script.lifecycle.deadline == script.now.advanced(by: .seconds(90)))
  }
}
