import Varlink

/// A call that is being answered, now or later. Whatever is said after its end, or after its client's, is said to nobody.
final class ControlCall {
  let call: Call
  private weak var client: ControlClient?
  private var isAnswered = false
  private var producer: (() -> Void)?
  /// It has no end but its client's.
  private(set) var isEndless = false

  init(_ call: Call, of client: ControlClient) {
    self.call = call
    self.client = client
  }

  /// Whether anybody waits for what it brings.
  var isWanted: Bool { !isAnswered && (client?.isOpen ?? false) }

  /// Whether several replies are understood.
  var takesMore: Bool { call.more && !call.oneway }

  var peer: ControlPeer? { client.map { ControlPeer($0.peer) } }

  /// The last reply.
  func reply(_ parameters: some Encodable) { end(Reply.encode(parameters)) }

  /// One of several. The caller has seen that the call `takesMore`.
  func replyAndGoOn(_ parameters: some Encodable) { send(Reply.encode(parameters, continues: true)) }

  func send(_ bytes: [UInt8]) {
    if isWanted { client?.send(bytes) }
  }

  func fail(_ error: StandardError) { end(Reply.encode(error)) }

  func fail(_ failure: ControlFailure) { end(ControlReply.failure(failure)) }

  /// Ends it with an error that is encoded already.
  func fail(_ bytes: [UInt8]) { end(bytes) }

  /// Ends it with what the manager says.
  func finish(_ result: Result<some Encodable, ControlFailure>) {
    switch result {
    case .success(let parameters): reply(parameters)
    case .failure(let failure): fail(failure)
    }
  }

  private func end(_ bytes: [UInt8]) {
    guard !isAnswered else { return }
    isAnswered = true
    producer = nil
    isEndless = false
    if !call.oneway { client?.send(bytes) }
    client?.finished(self)
  }

  /// Events are told by it until its client goes.
  func becomeEndless() { isEndless = true }

  /// The hold ends with the client.
  func keep(_ hold: UnitHold, of unit: String) { client?.keep(hold, of: unit) }

  // MARK: long answers

  /// Calls `producer` whenever there is room for another reply, once in a turn of the loop, until the call has been answered.
  func produce(_ producer: @escaping () -> Void) { self.producer = producer }

  var hasMore: Bool { producer != nil }

  func produceMore() {
    if client?.hasRoom ?? false { producer?() }
  }
}
