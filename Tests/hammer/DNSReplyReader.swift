/// One A record (RFC 1035). By TCP each message has its length in front (section 4.2.2).
struct DNSReplyReader: ReplyReader {
  private let address: [UInt8]
  private let isDatagram: Bool
  private var buffer = MessageBuffer(headerBytes: 2) { 2 + $0.bigEndian }
  private static let identity: [UInt8] = [0x74, 0x6F]

  init(address: String, isDatagram: Bool) {
    self.address = address.split(separator: ".").compactMap { UInt8($0) }
    self.isDatagram = isDatagram
  }

  mutating func take(_ bytes: ArraySlice<UInt8>) -> ReplyProgress {
    if isDatagram { return check(bytes) }
    buffer.append(bytes)
    guard let message = buffer.next()?.dropFirst(2) else { return .begun }
    return check(message)
  }

  private func check(_ message: ArraySlice<UInt8>) -> ReplyProgress {
    let header = Array(message.prefix(12))
    // A reply (QR) without an error (RCODE), one answer, which is the last thing in it.
    guard header.count == 12, header.starts(with: Self.identity), header[2] & 0x80 != 0, header[3] & 0x0F == 0,
      header[6..<8].bigEndian == 1, message.suffix(4).elementsEqual(address)
    else { return .wrong(excerpt(of: message)) }
    return .complete(serverCloses: false)
  }

  func takeEndOfFile() -> ReplyProgress { .cutShort }

  static func question(name: String, isDatagram: Bool) -> [UInt8] {
    var labels: [UInt8] = []
    for label in name.split(separator: ".") { labels += [UInt8(clamping: label.utf8.count)] + Array(label.utf8) }
    let recursionDesired: [UInt8] = [0x01, 0x00]
    let counts: [UInt8] = [0, 1, 0, 0, 0, 0, 0, 0]
    let typeAndClass: [UInt8] = [0, 0, 1, 0, 1]
    let message = identity + recursionDesired + counts + labels + typeAndClass
    return isDatagram ? message : UInt16(message.count).bigEndianBytes + message
  }
}
