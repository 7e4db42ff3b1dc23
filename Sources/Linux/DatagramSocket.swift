import CLinux
import Glibc

/// A socket for sd_notify(3) datagrams, under an abstract name that the kernel chose.
public struct DatagramSocket: ~Copyable {
  public let descriptor: OwnedFD
  /// As NOTIFY_SOCKET says it: "@00042".
  public let name: String

  public init() throws(Errno) {
    let type = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    let descriptor = try OwnedFD(owning: try call { socket(AF_UNIX, type, 0) }).kept()
    var on: Int32 = 1
    let number = descriptor.number
    _ = try call { unsafe setsockopt(number, SOL_SOCKET, SO_PASSCRED, &on, socklen_t(MemoryLayout<Int32>.size)) }
    var name = [CChar](repeating: 0, count: 112)
    try shim { unsafe cl_bind_unix_autoname(number, &name, name.count) }
    self.name = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    self.descriptor = descriptor
  }

  /// One datagram and its sender's pid by SCM_CREDENTIALS; nil when there is none. One over 4 KiB is cut.
  public func receive() -> (bytes: [UInt8], pid: Int32, isCut: Bool)? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    var pid: Int32 = 0
    var isCut: Int32 = 0
    let count = unsafe cl_receive_datagram(descriptor.number, &buffer, buffer.count, &pid, &isCut)
    guard count >= 0 else { return nil }
    return (Array(buffer.prefix(count)), pid, isCut != 0)
  }
}
