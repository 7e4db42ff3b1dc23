import Linux

/// What the preloaded library asks, and what it is answered (Sources/shim/protocol.h).
struct ShimQuestion: Equatable {
  let kind: SeccompListener.Call.Kind
  /// Of a bind(): the socket's, as the service knows it.
  let number: Int32
  /// A directory comes with it, after a bind()'s socket.
  let hasDirectory: Bool
  let address: [UInt8]
  let text: [UInt8]

  static let tokenBytes = 16
  private static let version: UInt32 = 1
  private static let headBytes = tokenBytes + 5 * 4
  private static let addressBytesMax = 128
  /// PATH_MAX, and the longest notification that is looked at.
  private static let textBytesMax = 4096
  static let bytesMax = headBytes + addressBytesMax + textBytesMax

  /// nil: not what the library sends, or not by one that we have started.
  init?(_ bytes: [UInt8], token: [UInt8]) {
    guard (Self.headBytes...Self.bytesMax).contains(bytes.count), bytes.starts(with: token) else { return nil }
    func word(_ index: Int) -> UInt32 {
      bytes[(Self.tokenBytes + index * 4)...].prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
    guard word(0) == Self.version else { return nil }
    switch word(1) {
    case 1: kind = .bind
    case 2: kind = .connect
    case 3: kind = .unlink
    case 4: kind = .sendMessage
    default: return nil
    }
    number = Int32(bitPattern: word(2))
    hasDirectory = word(3) != 0
    let rest = bytes[Self.headBytes...]
    let addressCount = Int(word(4))
    guard addressCount <= min(rest.count, Self.addressBytesMax) else { return nil }
    address = Array(rest.prefix(addressCount))
    text = Array(rest.dropFirst(addressCount))
    guard text.count <= Self.textBytesMax else { return nil }
  }

  /// How many descriptors come with it.
  var descriptorCount: Int { (kind == .bind ? 1 : 0) + (hasDirectory ? 1 : 0) }
}

enum ShimAnswer {
  /// The kernel carries the call out as it was made.
  static let goOn: Int32 = -1
  static let placesMax = 64

  /// `inodes`: of the service's sockets, in whose places those that go with the answer are to be put.
  static func bytes(_ error: Int32, inodes: [UInt64]) -> [UInt8] {
    var bytes: [UInt8] = []
    func append<Number: FixedWidthInteger>(_ number: Number) {
      for shift in stride(from: 0, to: Number.bitWidth, by: 8) {
        bytes.append(UInt8(truncatingIfNeeded: number >> shift))
      }
    }
    append(error)
    append(UInt32(inodes.count))
    for inode in inodes { append(inode) }
    return bytes
  }
}
