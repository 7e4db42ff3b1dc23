import Testing
import Varlink

@Suite struct MessageReaderTests {
  private func messages(_ chunks: [[UInt8]], limitBytes: Int = 1024) throws -> [String] {
    var reader = MessageReader(limitBytes: limitBytes)
    var messages: [String] = []
    for chunk in chunks {
      reader.append(chunk)
      while let message = try reader.next() { messages.append(String(decoding: message, as: UTF8.self)) }
    }
    return messages
  }

  @Test func messagesOfOneWriteAreToldApart() throws {
    #expect(try messages([Array("one\0two\0\0thr".utf8)]) == ["one", "two", ""])
  }

  @Test func aMessageMayComeByteByByte() throws {
    #expect(try messages(Array("first\0second\0".utf8).map { [$0] }) == ["first", "second"])
  }

  @Test(arguments: 1...12) func everyWayToCutItIsTheSame(size: Int) throws {
    let bytes = Array("{}\0{\"method\":\"a.b.C\"}\0{}\0".utf8)
    let chunks = stride(from: 0, to: bytes.count, by: size).map { Array(bytes[$0..<min($0 + size, bytes.count)]) }
    #expect(try messages(chunks) == ["{}", "{\"method\":\"a.b.C\"}", "{}"])
  }

  @Test func theLongestMessageIsTaken() throws {
    #expect(try messages([Array("12345678\0".utf8)], limitBytes: 8) == ["12345678"])
  }

  @Test(arguments: ["123456789", "123456789\0", "ok\0123456789"])
  func aLongerOneIsRefusedWhetherItsEndHasComeOrNot(text: String) {
    #expect(throws: MessageReader.TooLong(limitBytes: 8)) { try messages([Array(text.utf8)], limitBytes: 8) }
  }

  @Test func whatWasTakenIsForgotten() throws {
    var reader = MessageReader(limitBytes: 8)
    for _ in 0..<10_000 {
      reader.append(Array("1234567\0".utf8))
      #expect(try reader.next()?.count == 7)
    }
    #expect(try reader.next() == nil)
    #expect(reader.pendingBytes == 0)
  }
}
