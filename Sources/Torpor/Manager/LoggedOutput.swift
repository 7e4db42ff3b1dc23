import Linux

import struct Units.Shared

/// The output of a manager's service: a file, journald, or whatever its unit says. None of it passes through us.
final class LoggedOutput: InstanceOutput {
  private let unit: String
  /// As its unit says now: that of the next instance.
  var nextSettings: Shared<ServiceOutput.Settings>
  private var sharedSettings: Shared<ServiceOutput.Settings>
  private var settings: ServiceOutput.Settings { sharedSettings.value }
  private let outputs: ServiceOutput
  private let trimmer: LogTrimmer
  private var output: OwnedFD?
  private var error: OwnedFD?
  private var mark: LogFile.Mark?

  init(
    _ unit: String, _ settings: Shared<ServiceOutput.Settings>, by outputs: ServiceOutput, trimmer: LogTrimmer
  ) {
    self.unit = unit
    sharedSettings = settings
    nextSettings = settings
    self.outputs = outputs
    self.trimmer = trimmer
  }

  func begin() throws(Errno) {
    sharedSettings = nextSettings
    let streams = try outputs.open(for: unit, settings)
    mark = streams.mark
    output = try streams.output.duplicate()
    error = try streams.error.duplicate()
  }

  var standardOutput: Int32? { Self.number(output) }
  var standardError: Int32? { Self.number(error) }

  private static func number(_ descriptor: borrowing OwnedFD?) -> Int32? {
    switch descriptor {
    case .some(let descriptor): descriptor.number
    case .none: nil
    }
  }

  func handedOver() {
    output = nil
    error = nil
  }

  func drain(isOver _: Bool) {}

  func looked() { trimmer.look(at: log) }

  private var log: LogFile { outputs.log(of: unit, settings) }
  var lastLine: String? { mark.flatMap { log.lastLine(since: $0) } }
  /// Of this instance, the oldest first.
  func lastLines(_ count: Int) -> [String] { mark.map { log.lastLines(count, since: $0) } ?? [] }
}
