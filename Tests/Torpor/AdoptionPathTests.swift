import Testing

@testable import Torpor

@Suite struct AdoptionPathTests {
  @Test func onlyHaproxysTemporaryNameIsTakenForThePath() {
    #expect(Adoption.isTemporary(".4711.tmp"))
    let others = ["", ".tmp", "..tmp", ".47a.tmp", "4711.tmp", ".4711", ".4711.tmp.tmp", ".admin", ".-1.tmp", ".٤.tmp"]
    for suffix in others {
      #expect(!Adoption.isTemporary(suffix), "\(suffix)")
    }
  }
}
