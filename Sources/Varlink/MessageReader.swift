/// Takes a stream of bytes apart into messages: each is ended by a NUL (varlink.org, Wire Protocol).
public struct MessageReader: Sendable {
  /// A message grew beyond what is taken. Nothing that follows can be told apart any more.
  public struct TooLong: Error, Equatable, Sendable {
    public let limitBytes: Int

    public init(limitBytes: Int) { self.limitBytes = limitBytes }
  }

  /// The longest message that is taken, without its NUL.
  public let limitBytes: Int
  private var buffer: [UInt8] = []
  /// Where the next message begins.
  private var start = 0
  /// Up to where there is no NUL.
  private var scanned = 0

  public static let defaultLimitBytes = 1 << 20

  public init(limitBytes: Int = Self.defaultLimitBytes) {
    precondition(limitBytes > 0)
    self.limitBytes = limitBytes
  }

  /// Bytes that came and have not been taken as messages.
  public var pendingBytes: Int { buffer.count - start }

  public mutating func append(_ bytes: some Sequence<UInt8>) {
    if start > 0 {
      buffer.removeFirst(start)
      scanned -= start
      start = 0
    }
    buffer.append(contentsOf: bytes)
  }

  /// The next whole message; nil: it isn't complete yet.
  public mutating func next() throws(TooLong) -> [UInt8]? {
    guard let end = buffer[scanned...].firstIndex(of: 0) else {
      if pendingBytes > limitBytes { throw TooLong(limitBytes: limitBytes) }
      if pendingBytes == 0 {
        // What a client once needed isn't kept for as long as it is there.
        buffer = []
        start = 0
      }
      scanned = buffer.count
      return nil
    }
    let message = Array(buffer[start..<end])
    start = end + 1
    scanned = start
    if message.count > limitBytes { throw TooLong(limitBytes: limitBytes) }
    return message
  }
}
