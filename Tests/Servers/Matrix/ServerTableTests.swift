import Foundation
import Testing

extension ServerTests {
  /// docs/servers.md.
  @Suite struct ServerTableTests {
    private static let resultsDirectory = ProcessInfo.processInfo.environment["TORPOR_MATRIX_RESULTS"]

    /// `make matrix` runs this after the matrix. Of one that was run in part, the other rows stay as they were.
    @Test(.enabled(if: resultsDirectory != nil, "TORPOR_MATRIX_RESULTS names no directory of results"))
    func theTableIsWritten() throws {
      let directory = try #require(Self.resultsDirectory)
      let cases = MatrixServer.all.flatMap(\.allCases)
      let results = try cases.compactMap { row -> MatrixResult? in
        let file = URL(fileURLWithPath: directory).appendingPathComponent(MatrixResult.fileName(of: row))
        guard FileManager.default.fileExists(atPath: file.path) else { return nil }
        return try JSONDecoder().decode(MatrixResult.self, from: Data(contentsOf: file))
      }
      let text = try String(contentsOfFile: MatrixTable.path, encoding: .utf8)
      try MatrixTable.text(text, with: results, of: cases).write(
        toFile: MatrixTable.path, atomically: true, encoding: .utf8)
    }

    /// What it says of each row was true where it was measured; that it says it of every row, and of no other, is true here.
    @Test func theTableHasEachRowOfTheMatrixAndNothingLostInAnyOfThem() throws {
      let (titles, rows) = try MatrixTable.rows(of: String(contentsOfFile: MatrixTable.path, encoding: .utf8))
      let cases = MatrixServer.all.flatMap(\.allCases)
      try #require(titles == MatrixTable.columns.map(\.title))
      try #require(
        rows.map(MatrixTable.names) == cases.map(\.names))
      for (row, known) in zip(rows, cases) {
        let name = "\(known.testDescription)"
        #expect(row["version"]?.contains(".") == true, "\(name)")
        #expect(Int(row["wakes"] ?? "") == 20, "\(name)")
        #expect(Int(row["stops"] ?? "") ?? 0 >= 200, "\(name)")
        #expect(Int(row["requests"] ?? "") ?? 0 >= 200, "\(name)")
        #expect(Int(row["lost"] ?? "") == 0, "\(name)")
        #expect(Int(row["early"] ?? "") == 0, "\(name)")
      }
    }
  }
}
