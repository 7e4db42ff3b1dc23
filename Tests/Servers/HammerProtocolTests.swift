import Testing

extension ServerTests {
  /// `hammer` takes the right reply of each protocol for right, and nothing else: what it calls lost is what the matrix counts.
  @Suite struct HammerProtocolTests {
    struct Conversation: Sendable, CustomTestStringConvertible {
      let name: String
      let question: Question
      /// What the server says: the first part at once, which is empty where the client speaks first.
      let parts: [[UInt8]]
      /// In the last part, and not the same in a wrong reply.
      let answer: String
      var testDescription: String { name }
      var earlier: [[UInt8]] { parts.dropLast() }
      var last: [UInt8] { parts.last ?? [] }
    }

    static let conversations = [
      Conversation(
        name: "http", question: .http("/", body: "hello"),
        parts: [[], bytes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")], answer: "hello"),
      Conversation(
        name: "http, chunked", question: .http("/", body: "hello"),
        parts: [[], bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")],
        answer: "hello"),
      Conversation(
        name: "http, status", question: .http("/", body: "hello"),
        parts: [[], bytes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")], answer: "200"),
      Conversation(
        name: "text", question: .text("ask\n", reply: "hello\n"), parts: [[], bytes("hello\n")], answer: "hello"),
      Conversation(
        name: "mysql", question: .mysql("SELECT 1", value: "hello"),
        parts: [
          packet(0, [10] + bytes("10.11.0\0")), packet(2, [0, 0, 0, 2, 0, 0, 0]),
          packet(1, [1]) + packet(2, bytes("column")) + packet(3, [0xFE, 0, 0, 2, 0]) + packet(4, [5] + bytes("hello"))
            + packet(5, [0xFE, 0, 0, 2, 0]),
        ], answer: "hello"),
      Conversation(
        name: "postgres", question: .postgres("SELECT 1", value: "hello"),
        parts: [
          [], message("R", [0, 0, 0, 0]) + message("Z", bytes("I")),
          message("T", [0, 1]) + message("D", [0, 1, 0, 0, 0, 5] + bytes("hello")) + message("C", bytes("SELECT 1\0"))
            + message("Z", bytes("I")),
        ], answer: "hello"),
      Conversation(
        name: "mongo", question: .mongo("a.b", string: "hello"),
        parts: [
          [],
          [54, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0xDD, 7, 0, 0] + [0, 0, 0, 0, 0] + [33, 0, 0, 0]
            + [2] + bytes("text\0") + [6, 0, 0, 0] + bytes("hello\0")
            + [1] + bytes("ok\0") + [0, 0, 0, 0, 0, 0, 0xF0, 0x3F] + [0],
        ], answer: "hello"),
      Conversation(
        name: "dns", question: .dns("a.test", address: "72.73.74.75"),
        parts: [
          [],
          [0, 40, 0x74, 0x6F, 0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 1] + bytes("a") + [4] + bytes("test")
            + [0, 0, 1, 0, 1, 0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4] + bytes("HIJK"),
        ], answer: "HIJK"),
    ]

    @Test(arguments: conversations)
    func theRightReplyIsRight(_ conversation: Conversation) throws {
      let tally = try visit(conversation, conversation.parts)
      try #require(tally.ok == 1 && tally.lost == 0)
    }

    @Test(arguments: conversations)
    func anotherAnswerIsWrong(_ conversation: Conversation) throws {
      var last = conversation.last
      let place = try #require(last.firstRange(of: bytes(conversation.answer)))
      for index in place { last[index] ^= 1 }
      let tally = try visit(conversation, conversation.earlier + [last])
      try #require(tally.ok == 0 && tally.wrongReply == 1)
    }

    @Test(arguments: conversations)
    func aReplyThatLacksItsLastByteIsLost(_ conversation: Conversation) throws {
      let tally = try visit(conversation, conversation.earlier + [conversation.last.dropLast()])
      try #require(tally.ok == 0 && tally.endOfFileWithoutReply == 1)
    }

    @Test(arguments: conversations)
    func anEndWithoutAReplyIsLost(_ conversation: Conversation) throws {
      let tally = try visit(conversation, conversation.earlier + [[]])
      try #require(tally.ok == 0 && tally.endOfFileWithoutReply == 1)
    }

    @Test(arguments: conversations)
    func aRefusalIsLost(_ conversation: Conversation) throws {
      let (tally, _) = try Hammer.visit(.v4(try freePort()), conversation.question)
      try #require(tally.ok == 0 && tally.refused == 1)
    }

    @Test func aServerThatSaysItIsStartingIsToldFromAWrongReply() throws {
      let starting = message("E", bytes("SFATAL\0C57P03\0Mthe database system is starting up\0\0"))
      let postgres = try #require(Self.conversations.first { $0.name == "postgres" })
      try #require(try visit(postgres, [[], starting]).notReady == 1)
      let text = try #require(Self.conversations.first { $0.name == "text" })
      try #require(try visit(text, [[], bytes("-LOADING Redis is loading the dataset in memory\r\n")]).notReady == 1)
    }

    private func visit(_ conversation: Conversation, _ parts: [[UInt8]]) throws -> Hammer.Tally {
      let server = try ScriptedServer(parts)
      return try Hammer.visit(server.endpoint, conversation.question).tally
    }
  }
}

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// Of the MySQL protocol.
private func packet(_ number: UInt8, _ payload: [UInt8]) -> [UInt8] {
  [UInt8(payload.count), 0, 0, number] + payload
}

/// Of PostgreSQL's.
private func message(_ type: String, _ body: [UInt8]) -> [UInt8] {
  bytes(type) + [0, 0, 0, UInt8(4 + body.count)] + body
}
