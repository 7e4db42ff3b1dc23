import Testing
import Varlink

@Suite struct ReplyTests {
  private struct Pair: Codable, Equatable {
    var name: String
    var value: Double?
  }

  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  @Test func repliesAreWrittenAsTheProtocolSays() {
    #expect(text(Reply.encode(Pair(name: "a/b", value: nil))) == "{\"parameters\":{\"name\":\"a/b\"}}\0")
    #expect(
      text(Reply.encode(Pair(name: "x", value: 1.5), continues: true))
        == "{\"continues\":true,\"parameters\":{\"name\":\"x\",\"value\":1.5}}\0")
    #expect(
      text(Reply.encodeError("io.example.Failed", ["reason": "no"]))
        == "{\"error\":\"io.example.Failed\",\"parameters\":{\"reason\":\"no\"}}\0")
    #expect(
      text(Reply.encode(StandardError.permissionDenied))
        == "{\"error\":\"org.varlink.service.PermissionDenied\",\"parameters\":{}}\0")
    #expect(
      text(Reply.encodeCall("a.B", ["name": "x"], more: true))
        == "{\"method\":\"a.B\",\"more\":true,\"parameters\":{\"name\":\"x\"}}\0")
  }

  @Test func aNULInATextIsNoEndOfTheMessage() {
    let bytes = Reply.encode(["text": "a\0b"])
    #expect(bytes.count { $0 == 0 } == 1)
    #expect(ReceivedReply(Array(bytes.dropLast()))?.parameters(as: [String: String].self) == ["text": "a\0b"])
  }

  @Test func whatJSONHasNoWordsForIsWrittenAllTheSame() {
    #expect(text(Reply.encode(["x": Double.infinity])) == "{\"parameters\":{\"x\":\"infinity\"}}\0")
  }

  @Test func aClientReadsWhatWasWritten() throws {
    let reply = try #require(ReceivedReply(Array(Reply.encode(Pair(name: "x", value: 2), continues: true).dropLast())))
    #expect(reply.continues)
    #expect(reply.error == nil)
    #expect(reply.parameters(as: Pair.self) == Pair(name: "x", value: 2))
    let error = try #require(ReceivedReply(Array(Reply.encode(StandardError.methodNotFound("a.B")).dropLast())))
    #expect(error.error == "org.varlink.service.MethodNotFound")
    #expect(error.parameters(as: [String: String].self) == ["method": "a.B"])
    #expect(ReceivedReply(Array("{}".utf8))?.parameters(as: NoParameters.self) != nil)
    #expect(ReceivedReply(Array("hello".utf8)) == nil)
  }

  /// Their names and parameters are those of the interface's own description.
  @Test(arguments: [
    StandardError.interfaceNotFound("x"), .methodNotFound("x"), .methodNotImplemented("x"), .invalidParameter("x"),
    .permissionDenied, .expectedMore,
  ])
  func aStandardErrorIsOneOfTheInterface(error: StandardError) throws {
    let interface = try InterfaceDescription(parsing: ServiceInterface.description)
    let name = try #require(error.name.split(separator: ".").last.map(String.init))
    let fields = try #require(interface.errors[name])
    #expect(error.name == "org.varlink.service.\(name)")
    #expect(fields.map(\.name) == Array(error.parameters.keys))
  }
}
