import Foundation

/// What was counted and measured in one row of the matrix.
struct MatrixResult: Codable {
  let server: String
  let version: String
  let sockets: String
  let handover: String
  /// From the wake to readiness, by torpor's own account, a value for each life.
  var wakeMilliseconds: [Double] = []
  /// From connecting to the reply, by the client's account, where it was the right one at once.
  var answerMilliseconds: [Double] = []
  var stops = 0
  var aborts = 0
  var requests = 0
  var lost = 0
  /// Replies that said the server isn't ready yet.
  var early = 0
  var longestMilliseconds = 0.0

  init(server: String, version: String, sockets: String, handover: String) {
    self.server = server
    self.version = version
    self.sockets = sockets
    self.handover = handover
  }

  var summary: String {
    "version=\(version) lives=\(wakeMilliseconds.count) wake=\(Self.median(wakeMilliseconds) ?? 0) "
      + "answer=\(Self.median(answerMilliseconds) ?? 0) stops=\(stops) aborts=\(aborts) requests=\(requests) lost=\(lost) "
      + "early=\(early) longest=\(longestMilliseconds)"
  }

  /// nil: there are none.
  static func median(_ values: [Double]) -> Double? { values.isEmpty ? nil : values.sorted()[values.count / 2] }

  /// Into the directory that `TORPOR_MATRIX_RESULTS` names, if it does.
  func record() throws {
    guard let directory = ProcessInfo.processInfo.environment["TORPOR_MATRIX_RESULTS"] else { return }
    let file = URL(fileURLWithPath: directory).appendingPathComponent(Self.fileName(server, sockets, handover))
    try JSONEncoder().encode(self).write(to: file)
  }

  func isOf(_ row: MatrixCase) -> Bool { [server, sockets, handover] == row.names }

  static func fileName(of row: MatrixCase) -> String {
    fileName(row.server.name, row.socketNames, row.handover.rawValue)
  }

  private static func fileName(_ words: String...) -> String { words.joined(separator: " ") + ".json" }
}
