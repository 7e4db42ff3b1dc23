import Foundation
import Testing

extension SharedDataTests {
  /// Each sense with each real server: it is not put to rest in two timeouts of evidence, and is put to rest within 9/8 of the timeout
  /// after its end. The servers run side by side, under one torpord for each sense.
  @Suite struct SenseMatrixTests {
    struct Case: Sendable, CustomTestStringConvertible {
      let evidence: Evidence
      let servers: [MatrixServer]
      var testDescription: String {
        evidence.rawValue + (evidence == .processing ? ": \(servers.map(\.name).joined(separator: ", "))" : "")
      }
    }

    /// Of those that differ only in who stands in front of them, or in torpor's own user, one.
    private static let servers = MatrixServer.all.filter {
      $0.missing == nil
        && ![MatrixServer.postgresUnprivileged.name, MatrixServer.phpBehindApache.name].contains($0.name)
    }

    /// Those that are made to work are few at a time, so that they can on two processors.
    static let cases = Evidence.allCases.flatMap { evidence in
      guard evidence == .processing else { return [Case(evidence: evidence, servers: servers)] }
      return stride(from: 0, to: servers.count, by: 4).map {
        Case(evidence: evidence, servers: Array(servers[$0..<min($0 + 4, servers.count)]))
      }
    }

    @Test(arguments: cases) func evidenceKeepsEachServerUpForAsLongAsItLasts(_ row: Case) throws {
      let rows = try row.servers.compactMap { try EvidenceRow($0, row.evidence) }
      defer { for row in rows { row.finish() } }
      try #require(!rows.isEmpty)
      let units = Dictionary(uniqueKeysWithValues: rows.map { ("\($0.name).torpor", $0.unit) })
      try ManagerProcess.run(units) { manager in
        let monitor = try EventMonitor(manager)
        for row in rows { try row.begin(manager) }
        let deadline = Deadline(after: .seconds(90))
        while !deadline.hasPassed, !rows.allSatisfy({ $0.isRested || !$0.problems.isEmpty }) {
          for event in try monitor.take() { rows.first { $0.name == event.unit }?.note(event) }
          for row in rows { try row.step(manager) }
          usleep(10_000)
        }
        for row in rows { row.check() }
      }
    }
  }
}
