import Simulation

/// The real core with one ordering or guard switched off. It is made by an edit of one source file and lives in a temporary
/// directory only: the product has no hook for it.
struct Mutant: Sendable {
  let name: String
  /// What is switched off, in a sentence.
  let summary: String
  /// In Sources/Lifecycle.
  let file: String
  /// Occurs exactly once in the file. Code within a function's body only, for nothing else is compiled anew.
  let original: String
  let replacement: String
  /// Which sort of service shows it.
  let profile: Profile
  /// Which invariants may tell.
  let seenBy: [Invariant]
  /// Within how many seeds one of them does.
  let seeds: UInt64
}

extension Mutant: CustomStringConvertible {
  var description: String { name }
}

extension Mutant {
  /// The edited text of the file.
  func apply(to text: String) throws(OutOfDate) -> String {
    let parts = text.split(separator: original, omittingEmptySubsequences: false)
    guard parts.count == 2 else { throw OutOfDate(mutant: self, occurrences: parts.count - 1) }
    return parts.joined(separator: replacement)
  }

  /// The source has changed under the mutant.
  struct OutOfDate: Error, CustomStringConvertible {
    let mutant: Mutant
    let occurrences: Int

    var description: String {
      """
      The mutant \(mutant.name) is out of date: its original text occurs \(occurrences) times in \
      Sources/Lifecycle/\(mutant.file), and must occur once. Look what has become of the code and edit the mutant in \
      Tests/Simulation/Mutants.
      """
    }
  }

  /// The table of docs/testing.md.
  static var table: String {
    let rows = all.map { mutant in
      let invariants = mutant.seenBy.map { "`\($0.rawValue)`" }.joined(separator: ", ")
      return "| `\(mutant.name)` | \(mutant.summary) | `\(mutant.profile)` | \(invariants) | \(grouped(mutant.seeds)) |"
    }
    return (["| mutant | what is switched off | profile | seen by | within seeds |", "|---|---|---|---|---|"] + rows)
      .joined(separator: "\n")
  }

  /// 12000 as 12,000.
  private static func grouped(_ number: UInt64) -> String {
    guard number >= 1000 else { return "\(number)" }
    let rest = "\(number % 1000)"
    return grouped(number / 1000) + "," + String(repeating: "0", count: 3 - rest.count) + rest
  }
}
