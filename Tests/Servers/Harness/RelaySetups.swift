import Foundation
import Testing

/// What tests of relays begin with.
protocol RelaySetups {}

extension RelaySetups {
  func relay(_ front: Endpoint, _ back: Endpoint, _ options: String...) -> [String] {
    ["-l", "\(front)", "--handover", "relay", "--to", "\(back)"] + options + ["--"]
  }

  /// With oddserver behind it.
  func serve(
    flags: [String] = [], idle: String = "50ms", options: [String] = [], wrapper: [String] = [],
    _ body: (TorporProcess, Endpoint) throws -> Void
  ) throws {
    let (front, back) = (Endpoint.v4(try freePort()), Endpoint.v4(try freePort()))
    let arguments = ["-l", "\(front)", "--handover", "relay", "--to", "\(back)", "--idle", idle] + options + ["--"]
    try TorporProcess.run(arguments + OddServer.command(back, flags), wrapper: wrapper) { try body($0, front) }
  }

  /// With the test itself behind it, woken and ready.
  func withBackend(
    _ back: Endpoint? = nil, options: [String] = [], _ body: (TorporProcess, Endpoint, TestListener) throws -> Void
  ) throws {
    let front = Endpoint.v4(try freePort())
    let back = try back ?? .v4(try freePort())
    let backend = try TestListener(back)
    let arguments =
      ["-l", "\(front)", "--handover", "relay", "--to", "\(back)", "--idle", "30s", "--start"] + options
    try TorporProcess.run(arguments + ["--", "sleep", "600"]) { torpor in
      try torpor.waitFor(.serving)
      // The connection that showed that it serves was nobody's.
      try #require(try backend.accept().receiveToEnd().isEmpty)
      try body(torpor, front, backend)
    }
  }

  func memoryKilobytes(_ pid: pid_t) -> Int? {
    ProcessTable.status(pid, "RssAnon").flatMap { Int($0.prefix { $0.isNumber }) }
  }
}
