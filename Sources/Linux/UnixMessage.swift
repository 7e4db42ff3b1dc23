import CLinux
import Glibc

/// Bytes on their way from one unix connection to another, with the descriptors that came with them.
@safe public struct UnixMessage: ~Copyable {
  private var bytes: [UInt8] = []
  private var start = 0
  private var end = 0
  private var descriptors: [Int32] = []

  public init() {}

  deinit { for number in descriptors { close(number) } }

  /// Nothing is left of it to be sent.
  public var isSent: Bool { start == end }

  /// Descriptors that came with it and have not been sent on. Ours until then.
  public var passed: [Int32] { descriptors }

  /// Takes what `source` has, 64 KiB at most. Returns 0 at its end; throws `.again` when there is nothing now, and EMSGSIZE for
  /// a longer message of a socket that keeps messages whole.
  public mutating func receive(from source: borrowing UnixSocket) throws(Errno) -> Int {
    if bytes.isEmpty { bytes = [UInt8](repeating: 0, count: 65536) }
    var received = [Int32](repeating: 0, count: Int(CL_MAX_PASSED))
    let number = source.descriptor.number
    var message = unsafe cl_message()
    let result = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
      unsafe received.withUnsafeMutableBufferPointer { numbers in
        unsafe message.bytes = buffer.baseAddress
        unsafe message.length = buffer.count
        unsafe message.descriptors = numbers.baseAddress
        return unsafe cl_receive_message(number, &message)
      }
    }
    received.removeLast(received.count - Int(unsafe message.descriptor_count))
    descriptors = received
    let count = try shim { result }
    start = 0
    end = count
    return count
  }

  /// Gives `target` what it takes. `peer`: who it is to come from, if the receiver asks (SCM_CREDENTIALS).
  /// Throws `.again` when that is nothing now.
  public mutating func send(by target: borrowing UnixSocket, as peer: UnixSocket.Peer?) throws(Errno) {
    let number = target.descriptor.number
    var passed = descriptors
    let (first, last) = (start, end)
    var message = unsafe cl_message()
    unsafe message.length = last - first
    unsafe message.descriptor_count = Int32(passed.count)
    if let peer {
      unsafe message.has_credentials = 1
      unsafe message.pid = peer.pid
      unsafe message.user = peer.user
      unsafe message.group = peer.group
    }
    let count = try shim {
      unsafe bytes.withUnsafeMutableBufferPointer { buffer in
        unsafe passed.withUnsafeMutableBufferPointer { numbers in
          unsafe message.bytes = buffer.baseAddress.map { unsafe $0 + first }
          unsafe message.descriptors = numbers.baseAddress
          return unsafe cl_send_message(number, &message)
        }
      }
    }
    // They went with the first byte.
    for number in descriptors { close(number) }
    descriptors = []
    start += count
  }
}
