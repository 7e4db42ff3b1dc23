import CLinux
import Glibc

extension ProcessHandle {
  /// The file that this process has at `number`, as our own (pidfd_getfd(2); needs the right to trace it).
  public func file(number: Int32) throws(Errno) -> OwnedFD {
    try OwnedFD(owning: try shim { cl_pidfd_getfd(descriptor.number, number) }).kept()
  }

  /// Lets the kernel take these pages of it, to swap or where they came from. Returns how many bytes it has dealt with.
  public func pageOut(address: UInt64, bytes: UInt64) throws(Errno) -> UInt64 {
    UInt64(try shim { cl_page_out(descriptor.number, address, bytes) })
  }
}

/// A socket that is somebody else's, and that we have a duplicate of.
public struct SocketDuplicate: ~Copyable {
  public let descriptor: OwnedFD
  public init(_ descriptor: consuming OwnedFD) { self.descriptor = descriptor }

  /// Of an IPv4 or IPv6 connection; nil: it is none.
  public var peer: SocketAddress? {
    var bytes = [UInt8](repeating: 0, count: 16)
    var port: UInt16 = 0
    guard let family = SocketAddress.Family(number: unsafe cl_peer_address(descriptor.number, &bytes, &port)) else {
      return nil
    }
    return SocketAddress(family: family, bytes: Array(bytes.prefix(family == .v4 ? 4 : 16)), port: port)
  }

  public enum Kind: Equatable, Sendable { case tcp, udp, unix, other }

  public var kind: Kind {
    switch option(39 /* SO_DOMAIN */) {
    case AF_UNIX: .unix
    case AF_INET, AF_INET6: option(SO_TYPE) == Int32(SOCK_STREAM.rawValue) ? .tcp : .udp
    default: .other
    }
  }

  public var isListening: Bool { option(SO_ACCEPTCONN) == 1 }

  /// How long ago data last came by a TCP connection (TCP_INFO), in steps of the kernel's clock, 10 ms at most; nil: it is none.
  public var receivedAgo: Duration? {
    guard kind == .tcp, !isListening else { return nil }
    // struct tcp_info begins with 8 bytes; tcpi_last_data_recv is the twelfth number after these.
    var values = [UInt32](repeating: 0, count: 14)
    var length = socklen_t(values.count * MemoryLayout<UInt32>.size)
    guard unsafe getsockopt(descriptor.number, Int32(IPPROTO_TCP), TCP_INFO, &values, &length) == 0, length == 56 else {
      return nil
    }
    return .milliseconds(Int64(values[13]))
  }

  private func option(_ name: Int32) -> Int32? {
    var value: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    return unsafe getsockopt(descriptor.number, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
  }
}

/// Memory of a process that it alone can write: its heap, its stacks, what it has mapped for itself.
public struct PrivateMemory: Equatable, Sendable {
  public let address: UInt64
  public let bytes: UInt64

  public init(address: UInt64, bytes: UInt64) {
    self.address = address
    self.bytes = bytes
  }

  /// In the order of /proc/PID/maps; at most 16 MB of that text, some 160,000 lines, is read.
  public static func of(_ pid: Int32) -> [PrivateMemory] {
    ranges(maps: ProcessFiles.contents(of: "/proc/\(pid)/maps", limit: 1 << 24) ?? "")
  }

  /// "7f1c4c000000-7f1c4c021000 rw-p 00000000 00:00 0"
  static func ranges(maps text: String) -> [PrivateMemory] {
    text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ", maxSplits: 2)
      guard fields.count == 3, fields[1].hasPrefix("rw"), fields[1].hasSuffix("p") else { return nil }
      let ends = fields[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
      guard ends.count == 2, ends[0] < ends[1] else { return nil }
      return PrivateMemory(address: ends[0], bytes: ends[1] - ends[0])
    }
  }

  /// There is somewhere for it to go: a swap file, a partition, or compressed memory (zram).
  public static var canBeTaken: Bool {
    (ProcessFiles.contents(of: "/proc/swaps") ?? "").split(separator: "\n").count > 1
  }
}
