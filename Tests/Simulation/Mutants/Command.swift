import Foundation

/// A program that is run to its end, in bounded time.
struct Command {
  let program: String
  let arguments: [String]

  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// What it has printed on both of its outputs. Throws unless it ends with 0 within the time.
  func run(within seconds: Double, in directory: URL) throws -> String {
    let log = directory.appendingPathComponent("log-\(UUID().uuidString)")
    guard FileManager.default.createFile(atPath: log.path, contents: nil) else {
      throw Failure(description: "cannot write \(log.path)")
    }
    let output = try FileHandle(forWritingTo: log)
    defer { try? output.close() }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    let hasEnded = DispatchSemaphore(value: 0)
    process.terminationHandler = { _ in hasEnded.signal() }
    try process.run()
    let isLate = hasEnded.wait(timeout: .now() + seconds) == .timedOut
    if isLate {
      if process.isRunning { kill(process.processIdentifier, SIGKILL) }
      hasEnded.wait()
    }
    let text = String(decoding: try Data(contentsOf: log), as: UTF8.self)
    let what = ([program] + arguments).joined(separator: " ")
    guard !isLate else { throw Failure(description: "\(what)\nhas not ended within \(seconds) s\n\(text)") }
    guard process.terminationReason == .exit, process.terminationStatus == 0 else {
      let isSignal = process.terminationReason == .uncaughtSignal
      let how = "ended by \(isSignal ? "signal" : "status") \(process.terminationStatus)"
      throw Failure(description: "\(what)\n\(how)\n\(text)")
    }
    return text
  }
}
