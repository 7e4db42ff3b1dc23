/// Cuts what arrives into messages that tell their own length in a header.
struct MessageBuffer {
  private let headerBytes: Int
  private let messageBytes: @Sendable (_ header: ArraySlice<UInt8>) -> Int
  private var bytes: [UInt8] = []

  /// - Parameter messageBytes: the length of a whole message, header included, by its header.
  init(headerBytes: Int, messageBytes: @escaping @Sendable (_ header: ArraySlice<UInt8>) -> Int) {
    self.headerBytes = headerBytes
    self.messageBytes = messageBytes
  }

  mutating func append(_ new: ArraySlice<UInt8>) { bytes += new }

  /// The next whole message; nil: it isn't there yet.
  mutating func next() -> ArraySlice<UInt8>? {
    guard bytes.count >= headerBytes else { return nil }
    // A length that makes no sense is taken for no more than the header, which its reader then finds wrong.
    let count = max(headerBytes, messageBytes(bytes[..<headerBytes]))
    guard bytes.count >= count else { return nil }
    defer { bytes.removeFirst(count) }
    return bytes[..<count]
  }

  var isTooLong: Bool { bytes.count > replyBytesMax }
}

extension Sequence<UInt8> {
  /// As an unsigned number.
  var littleEndian: Int { reversed().bigEndian }
  var bigEndian: Int { reduce(0) { $0 << 8 | Int($1) } }
}

extension FixedWidthInteger {
  var littleEndianBytes: [UInt8] { withUnsafeBytes(of: littleEndian) { Array($0) } }
  var bigEndianBytes: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}
