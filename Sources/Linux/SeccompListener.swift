import CLinux
import Glibc

/// The supervising end of a seccomp filter: the calls that the filter doesn't decide (seccomp_unotify(2)).
///
/// It hangs up when the last process with the filter has ended, so it also tells when a whole service is gone.
public struct SeccompListener: ~Copyable {
  public let descriptor: OwnedFD

  public init(owning descriptor: consuming OwnedFD) throws(Errno) {
    self.descriptor = try descriptor.kept()
    _ = cl_notification_hurry(self.descriptor.number)
  }

  /// One call that waits for an answer. Whatever it says comes from the service: not to be trusted.
  public struct Call: Equatable, Sendable {
    public let id: UInt64
    /// The thread that made it.
    public let thread: Int32
    public let kind: Kind
    public let arguments: [UInt64]

    public init(id: UInt64, thread: Int32, kind: Kind, arguments: [UInt64]) {
      self.id = id
      self.thread = thread
      self.kind = kind
      self.arguments = arguments
    }

    public enum Kind: Sendable { case bind, connect, unlink, unlinkat, sendMessage, other }
  }

  /// The next call; nil when there is none, as the caller was killed meanwhile. Only to be asked when readable, else it waits.
  public func receive() throws(Errno) -> Call? {
    var raw = cl_notification()
    let result = unsafe cl_notification_receive(descriptor.number, &raw)
    if result == -ENOENT || result == -EINTR { return nil }
    try shim { result }
    let (a, b, c, d, e, f) = raw.arguments
    return Call(id: raw.id, thread: raw.thread, kind: Self.kind(raw.call), arguments: [a, b, c, d, e, f])
  }

  private static func kind(_ number: Int32) -> Call.Kind {
    switch cl_call_of(number) {
    case CL_CALL_BIND: .bind
    case CL_CALL_CONNECT: .connect
    case CL_CALL_UNLINK: .unlink
    case CL_CALL_UNLINKAT: .unlinkat
    case CL_CALL_SENDMSG: .sendMessage
    default: .other
    }
  }

  /// Whether the caller still waits. Asked after its thread number was used: only then was the number surely its own.
  public func isValid(_ call: Call) -> Bool { cl_notification_is_valid(descriptor.number, call.id) == 0 }

  /// Lets the kernel carry the call out as it was made.
  public func letGo(_ call: Call) { _ = cl_notification_continue(descriptor.number, call.id) }

  /// Ends the call with success.
  public func succeed(_ call: Call) { _ = cl_notification_answer(descriptor.number, call.id, 0) }

  /// Ends the call with an error, as the kernel would have.
  public func fail(_ call: Call, _ error: Errno) { _ = cl_notification_answer(descriptor.number, call.id, error.code) }

  /// Puts `file` at `number` of the caller's descriptors, in place of what it has there.
  public func place(_ file: borrowing OwnedFD, at number: Int32, closesOnExec: Bool, for call: Call) throws(Errno) {
    try shim {
      cl_notification_set_descriptor(descriptor.number, call.id, file.number, number, closesOnExec ? 1 : 0)
    }
  }

  /// Copies a caller's memory; nil when it isn't readable to its full length.
  public static func memory(ofThread thread: Int32, at address: UInt64, count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    let result = unsafe cl_process_read(thread, address, &bytes, count)
    return result == count ? bytes : nil
  }

  /// Copies a string of a caller's memory, which ends with a 0; nil when it isn't readable or longer than a path can be.
  public static func string(ofThread thread: Int32, at address: UInt64) -> [UInt8]? {
    let pageBytes: UInt64 = 4096
    var bytes: [UInt8] = []
    // A page at a time: the string may end where memory does.
    while bytes.count < 4096 {
      let (start, isBeyond) = address.addingReportingOverflow(UInt64(bytes.count))
      if isBeyond { return nil }
      let count = Int(min(pageBytes - start % pageBytes, 256))
      guard let part = memory(ofThread: thread, at: start, count: count) else { return nil }
      if let end = part.firstIndex(of: 0) { return bytes + part[..<end] }
      bytes += part
    }
    return nil
  }

  /// What a caller is about to send by sendmsg(2), and to whom; nil when it isn't readable, or longer than a notification is.
  public static func message(
    ofThread thread: Int32, at header: UInt64
  ) -> (address: UnixAddress, bytes: [UInt8])? {
    var name = [UInt8](repeating: 0, count: 128)
    var nameLength = 0
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = unsafe cl_process_read_message(thread, header, &name, &nameLength, &bytes, bytes.count)
    guard count >= 0, let address = UnixAddress(sockaddr: Array(name.prefix(nameLength))) else { return nil }
    return (address, Array(bytes.prefix(count)))
  }

  /// Registers `socket` in another process's epoll instance under that process's number for it.
  public static func register(
    _ socket: borrowing OwnedFD, as number: Int32, in epoll: borrowing OwnedFD, events: UInt32, data: UInt64
  ) throws(Errno) {
    try shim { cl_epoll_add_as(epoll.number, socket.number, number, events, data) }
  }
}
