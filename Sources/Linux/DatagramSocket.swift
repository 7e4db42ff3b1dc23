import CLinux
import Glibc

/// A socket for sd_notify(3) datagrams, under an abstract name that the kernel chose.
public struct DatagramSocket: ~Copyable {
  public let descriptor: OwnedFD
  /// As NOTIFY_SOCKET says it: "@00042".
  public let name: String

  /// `takesDescriptors`: as far as the kernel can refuse them, nobody can send us any otherwise.
  public init(takesDescriptors: Bool) throws(Errno) {
    let type = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    let descriptor = try OwnedFD(owning: try call { socket(AF_UNIX, type, 0) }).kept()
    var on: Int32 = 1
    let number = descriptor.number
    _ = try call { unsafe setsockopt(number, SOL_SOCKET, SO_PASSCRED, &on, socklen_t(MemoryLayout<Int32>.size)) }
    // Older kernels pass them on, and then they have to be closed.
    if !takesDescriptors { _ = cl_refuse_descriptors(number) }
    var name = [CChar](repeating: 0, count: 112)
    try shim { unsafe cl_bind_unix_autoname(number, &name, name.count) }
    self.name = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    self.descriptor = descriptor
  }

  public struct Datagram {
    public let bytes: [UInt8]
    /// The sender's, by SCM_CREDENTIALS.
    public let pid: Int32
    /// It was longer than 4 KiB.
    public let isCut: Bool
    /// Descriptors that came with it, now ours. To close them may take a while, see `Closer`.
    public let descriptors: [Int32]
  }

  /// The next datagram; nil when there is none.
  public func receive() -> Datagram? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    var descriptors = [Int32](repeating: -1, count: Int(CL_MAX_RECEIVED))
    var pid: Int32 = 0
    var isCut: Int32 = 0
    var number: Int32 = 0
    let count = unsafe cl_receive_datagram(
      descriptor.number, &buffer, buffer.count, &pid, &isCut, &descriptors, &number)
    guard count >= 0 else { return nil }
    return Datagram(
      bytes: Array(buffer.prefix(count)), pid: pid, isCut: isCut != 0,
      descriptors: Array(descriptors.prefix(Int(number))))
  }
}
