/// MongoDB's wire protocol, as far as one document needs it: OP_MSG with a find, and its reply.
/// https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
struct MongoReplyReader: ReplyReader {
  private let expected: [UInt8]
  private var buffer = MessageBuffer(headerBytes: 16) { $0.prefix(4).littleEndian }

  init(expected: String) {
    self.expected = UInt32(expected.utf8.count + 1).littleEndianBytes + Array(expected.utf8) + [0]
  }

  mutating func take(_ bytes: ArraySlice<UInt8>) -> ReplyProgress {
    buffer.append(bytes)
    guard let message = buffer.next() else { return buffer.isTooLong ? .wrong("more than a message") : .begun }
    // "ok" is a double with mongod and an integer with some others.
    let ok = Array("ok\0".utf8)
    let isOK = message.contains([0x01] + ok + 1.0.bitPattern.littleEndianBytes) || message.contains([0x10] + ok + [1])
    guard message.dropFirst(12).prefix(4).littleEndian == 2013, isOK, message.contains(expected) else {
      return .wrong(excerpt(of: message.dropFirst(16)))
    }
    return .complete(serverCloses: false)
  }

  func takeEndOfFile() -> ReplyProgress { .cutShort }

  /// - Parameter place: DATABASE.COLLECTION.
  static func find(in place: String) -> [UInt8] {
    let names = place.split(separator: ".", maxSplits: 1)
    let collection = String(names.last ?? ""), database = String(names.first ?? "")
    let elements = string("find", collection) + int("limit", 1) + string("$db", database)
    let document = UInt32(4 + elements.count + 1).littleEndianBytes + elements + [0]
    let body = UInt32(0).littleEndianBytes + [0] + document
    let header = [UInt32(16 + body.count), 1, 0, 2013]
    return header.flatMap(\.littleEndianBytes) + body
  }

  private static func string(_ name: String, _ value: String) -> [UInt8] {
    [0x02] + Array("\(name)\0".utf8) + UInt32(value.utf8.count + 1).littleEndianBytes + Array("\(value)\0".utf8)
  }

  private static func int(_ name: String, _ value: UInt32) -> [UInt8] {
    [0x10] + Array("\(name)\0".utf8) + value.littleEndianBytes
  }
}
