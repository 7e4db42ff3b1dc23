import Foundation
import Simulation
import Testing

/// What the simulation would say if the core were wrong. A mutant that goes unseen is an ordering that nothing tests.
@Suite struct MutantTests {
  private static let workshop: Result<Workshop, any Error> = Result {
    let workshop = try Workshop()
    atexit { try? MutantTests.workshop.get().remove() }
    return workshop
  }

  /// Begun together, as many at a time as there are processors, even where the tests themselves run one by one.
  private static let trials = Dictionary(
    uniqueKeysWithValues: Mutant.all.map { mutant in (mutant.name, Task { try attempt(mutant) }) })

  private struct Trial {
    let sighting: Workshop.Sighting?
    /// What another invariant has to say of a mutant that none of the expected ones has seen.
    var other: Workshop.Sighting?
  }

  private static func attempt(_ mutant: Mutant) throws -> Trial {
    let workshop = try workshop.get()
    let probe = try workshop.makeProbe(of: mutant)
    func look(for invariants: [Invariant]) throws -> Workshop.Sighting? {
      try workshop.run(probe, in: mutant.profile, seeds: 0..<mutant.seeds, for: invariants)
    }
    if let sighting = try look(for: mutant.seenBy) { return Trial(sighting: sighting) }
    return Trial(sighting: nil, other: try look(for: Invariant.allCases))
  }

  @Test(arguments: Mutant.all)
  func aMutantIsSeen(mutant: Mutant) async throws {
    let trial = try await #require(Self.trials[mutant.name]).value
    guard let sighting = trial.sighting else {
      let other = trial.other.map { "; only \($0.invariant) tells, at seed \($0.seed)" } ?? ""
      Issue.record("\(mutant) went unseen for \(mutant.seeds) seeds: \(mutant.summary)\(other)")
      return
    }
    // It must be the mutant that shows: the unedited core keeps the same schedule in order.
    let workshop = try Self.workshop.get()
    let own = try workshop.run(
      workshop.unedited, in: mutant.profile, seeds: sighting.seed..<sighting.seed + 1, for: Invariant.allCases)
    #expect(own == nil, "seed \(sighting.seed) fails with the core as it is")
    print("\(mutant) is seen at seed \(sighting.seed) by \(sighting.invariant)")
  }

  /// In as many schedules as any mutant of the profile may need.
  private static let controls = Dictionary(
    uniqueKeysWithValues: Profile.allCases.map { profile in (profile, Task { try check(profile) }) })

  private static func check(_ profile: Profile) throws -> Workshop.Sighting? {
    let workshop = try workshop.get()
    let seeds = Mutant.all.filter { $0.profile == profile }.map(\.seeds).max() ?? 0
    // In parts, each of which has the time that a mutant has.
    for start in stride(from: 0, to: seeds, by: 10_000) {
      let part = start..<min(start + 10_000, seeds)
      let sighting = try workshop.run(workshop.unedited, in: profile, seeds: part, for: Invariant.allCases)
      if let sighting { return sighting }
    }
    return nil
  }

  @Test(arguments: Profile.allCases)
  func theCoreAsItIsIsInOrder(in profile: Profile) async throws {
    let control = try #require(Self.controls[profile])
    let sighting = try await control.value
    #expect(sighting == nil)
  }

  /// Said of all of them at once, before anything is compiled.
  @Test(arguments: Mutant.all)
  func aMutantFitsTheSource(mutant: Mutant) throws { _ = try Workshop.edit(mutant) }

  @Test func namesAreDistinct() {
    #expect(Set(Mutant.all.map(\.name)).count == Mutant.all.count)
  }

  /// docs/testing.md shows the list as it is.
  @Test func theDocumentHasTheTable() throws {
    let document = try String(contentsOf: Workshop.document, encoding: .utf8)
    let isShown = document.contains(Mutant.table)
    #expect(isShown, "docs/testing.md has another table of mutants; this is the list's:\n\(Mutant.table)")
  }
}
