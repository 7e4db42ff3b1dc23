import Testing

@testable import Torpor

@Suite struct VerificationsTests {
  /// The next one would never be planned.
  @Test func oneThatIsGoneEndsTheQueue() {
    let verifications = Verifications { _ in nil }
    var ends = 0
    var failures: [String] = []
    verifications.onIdle = { ends += 1 }
    verifications.ask("gone") { result in
      if case .failure(.noSuchUnit(let name)) = result { failures.append(name) }
    }
    #expect(ends == 1 && failures == ["gone"] && verifications.isEmpty)
  }
}
