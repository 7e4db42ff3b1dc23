import Glibc

/// Every way in which a request can be lost. Each raw value is a key of the report.
enum FailureKind: String, CaseIterable, Sendable {
  case refused, connectTimeout, connectError, sendError, reset, endOfFileWithoutReply, replyTimeout, receiveError
  case wrongReply
  /// Answered, with the server's own word that it is still starting.
  case notReady
}

/// One lost request.
struct Failure: Error {
  let kind: FailureKind
  /// What the kernel said, where it said something.
  var errorNumber: Int32?
  /// What was being done, or what came instead of the reply.
  var detail: String

  /// What the kernel says about a connection that could not be made.
  static func connecting(_ errorNumber: Int32) -> Failure {
    let kind: FailureKind =
      switch errorNumber {
      case ECONNREFUSED: .refused
      case ETIMEDOUT: .connectTimeout
      case ECONNRESET: .reset
      default: .connectError
      }
    return Failure(kind: kind, errorNumber: errorNumber, detail: "connecting")
  }

  static func sending(_ errorNumber: Int32) -> Failure {
    Failure(kind: errorNumber == ECONNRESET ? .reset : .sendError, errorNumber: errorNumber, detail: "sending")
  }

  static func receiving(_ errorNumber: Int32, while activity: String) -> Failure {
    Failure(kind: errorNumber == ECONNRESET ? .reset : .receiveError, errorNumber: errorNumber, detail: activity)
  }
}

extension Failure: CustomStringConvertible {
  var description: String {
    guard let errorNumber else { return "\(kind.rawValue) (\(detail))" }
    return "\(kind.rawValue) (\(detail): \(String(cString: strerror(errorNumber))), errno \(errorNumber))"
  }
}
