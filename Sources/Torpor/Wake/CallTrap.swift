import Linux

/// The way by which a service's calls come to us that may be about held sockets, and our answers go back.
protocol CallTrap: AnyObject {
  typealias Call = SeccompListener.Call

  /// Called with each call, which waits until it is answered.
  var onCall: ((Call) -> Void)? { get set }
  /// No process that could call is left.
  var onHangUp: (() -> Void)? { get set }
  var onWarning: ((String) -> Void)? { get set }
  /// Whether `onHangUp` is ever called.
  var tellsEnd: Bool { get }
  func close()

  // MARK: what a call says. All of it is the service's word.

  /// Whether the caller still waits.
  func isValid(_ call: Call) -> Bool
  /// The socket address of a bind() or connect(); nil for one of a length that none of ours has.
  func address(of call: Call) -> [UInt8]?
  /// The path of an unlink().
  func path(of call: Call) -> [UInt8]?
  /// What a sendmsg() sends, and to whom.
  func message(of call: Call) -> (address: UnixAddress, bytes: [UInt8])?
  /// The socket that a bind() is about; nil when it is about none.
  func file(of call: Call) throws(Errno) -> ForeignFile?
  /// The directory `path` as the caller sees it.
  func directory(of call: Call, path: String, from directory: Int32?) -> FileIdentity?

  // MARK: answers

  /// Puts a held socket in the place of another one, wherever the caller has that.
  func place(_ held: borrowing OwnedFD, for request: borrowing Adoption.Request) throws(Errno)
  /// The kernel carries the call out as it was made.
  func letGo(_ call: Call)
  func succeed(_ call: Call)
  func fail(_ call: Call, _ error: Errno)
}
