import Foundation
import Testing

extension ServerTests {
  /// docs/servers.md.
  @Suite struct ServerTableTests {
    private static let resultsDirectory = ProcessInfo.processInfo.environment["TORPOR_MATRIX_RESULTS"]

    /// `make matrix` runs this after the matrix.
    @Test(.enabled(if: resultsDirectory != nil, "TORPOR_MATRIX_RESULTS names no directory of results"))
    func theTableIsWritten() throws {
      let directory = try #require(Self.resultsDirectory)
      let results = try MatrixServer.all.flatMap(\.allCases).map { row in
        let file = URL(fileURLWithPath: directory).appendingPathComponent(MatrixResult.fileName(of: row))
        return try JSONDecoder().decode(MatrixResult.self, from: Data(contentsOf: file))
      }
      let text = try String(contentsOfFile: MatrixTable.path, encoding: .utf8)
      try MatrixTable.text(text, with: results).write(toFile: MatrixTable.path, atomically: true, encoding: .utf8)
    }

    /// What it says of each row was true where it was measured; that it says it of every row, and of no other, is true here.
    @Test func theTableHasEachRowOfTheMatrixAndNothingLostInAnyOfThem() throws {
      let (titles, rows) = try MatrixTable.rows(of: String(contentsOfFile: MatrixTable.path, encoding: .utf8))
      let cases = MatrixServer.all.flatMap(\.allCases)
      try #require(titles == MatrixTable.columns.map(\.title))
      try #require(
        rows.map { [$0["server"], $0["socket"], $0["handover"]] }
          == cases.map { [$0.server.name, $0.socketNames, $0.handover.rawValue] })
      for (row, known) in zip(rows, cases) {
        let name = "\(known.testDescription)"
        #expect(row["version"]?.contains(".") == true, "\(name)")
        #expect(Int(row["wakes"] ?? "") == 20, "\(name)")
        #expect(Int(row["stops"] ?? "") ?? 0 >= 200, "\(name)")
        #expect(Int(row["requests"] ?? "") ?? 0 >= 200, "\(name)")
        #expect(Int(row["lost"] ?? "") == 0, "\(name)")
        #expect(known.server.answersEarly || Int(row["early"] ?? "") == 0, "\(name)")
      }
    }
  }
}
