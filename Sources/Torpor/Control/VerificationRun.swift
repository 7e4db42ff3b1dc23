import FoundationEssentials

/// One call of Verify: unit after unit, for as long as somebody waits for it.
final class VerificationRun {
  private let names: [String]
  private let call: ControlCall
  private weak var manager: (any ManagerControl)?
  private var next = 0
  private var results: [UnitVerification] = []
  private var isWaiting = false
  private var isGoingOn = false

  init(_ names: [String], for call: ControlCall, _ manager: any ManagerControl) {
    self.names = names
    self.call = call
    self.manager = manager
  }

  /// An answer may come at once, within the question, or later: this is a loop in the one case and a chain of calls in the other.
  func goOn() {
    guard !isGoingOn else { return }
    isGoingOn = true
    while !isWaiting, next < names.count, call.isWanted { verifyNext() }
    isGoingOn = false
    if !isWaiting, next == names.count { call.reply(ControlReply.Verified(verifications: results)) }
  }

  private func verifyNext() {
    let name = names[next]
    isWaiting = true
    next += 1
    guard let manager else { return take(.failure(.failed("the manager is stopping")), of: name) }
    manager.verify(name) { result in self.take(result, of: name) }
  }

  private func take(_ result: Result<UnitVerification, ControlFailure>, of name: String) {
    isWaiting = false
    let verification: UnitVerification =
      switch result {
      case .success(let verification): verification
      case .failure(let failure): Self.untried(name, failure)
      }
    if call.takesMore, next < names.count {
      call.replyAndGoOn(ControlReply.Verified(verifications: [verification]))
    } else {
      results.append(verification)
    }
    goOn()
  }

  /// The others are tried all the same.
  private static func untried(_ name: String, _ failure: ControlFailure) -> UnitVerification {
    let message =
      switch failure {
      case .noSuchUnit: "it is no longer there"
      case .notNow(let reason), .failed(let reason): "it could not be tried: \(reason)"
      }
    return UnitVerification(
      name: name, time: Date().timeIntervalSince1970, passed: false, seconds: 0, message: message)
  }
}
