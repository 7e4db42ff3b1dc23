import Testing

@testable import Torpor

/// What comes to the socket of the preloaded library.
@Suite struct ShimQuestionTests {
  private static let token = [UInt8](1...16)
  private static let loopback: [UInt8] = [2, 0, 0x1f, 0x90, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]

  /// As protocol.h lays it out.
  private static func bytes(
    version: UInt8 = 1, call: UInt8 = 1, number: UInt8 = 7, hasDirectory: UInt8 = 0, addressCount: UInt8 = 16,
    rest: [UInt8] = loopback
  ) -> [UInt8] {
    token + [version, call, number, hasDirectory, addressCount].flatMap { [$0, 0, 0, 0] } + rest
  }

  @Test func aBindIsRead() throws {
    let question = try #require(ShimQuestion(Self.bytes(), token: Self.token))
    #expect(question.kind == .bind)
    #expect(question.number == 7)
    #expect(question.address == Self.loopback)
    #expect(question.text == [])
    #expect(question.descriptorCount == 1)
  }

  @Test func anAddressAndATextAreTold() throws {
    let bytes = Self.bytes(call: 4, hasDirectory: 1, addressCount: 2, rest: [1, 0, 65, 66])
    let question = try #require(ShimQuestion(bytes, token: Self.token))
    #expect(question.kind == .sendMessage)
    #expect(question.address == [1, 0])
    #expect(question.text == [65, 66])
    #expect(question.descriptorCount == 1)
  }

  @Test func everythingElseIsNothing() {
    #expect(ShimQuestion(Self.bytes(), token: [UInt8](2...17)) == nil)
    #expect(ShimQuestion(Self.bytes(version: 2), token: Self.token) == nil)
    #expect(ShimQuestion(Self.bytes(call: 0), token: Self.token) == nil)
    #expect(ShimQuestion(Self.bytes(call: 5), token: Self.token) == nil)
    #expect(ShimQuestion(Self.bytes(addressCount: 17), token: Self.token) == nil)
    let long = [UInt8](repeating: 1, count: 4097)
    #expect(ShimQuestion(Self.bytes(addressCount: 129, rest: Array(long.prefix(200))), token: Self.token) == nil)
    #expect(ShimQuestion(Self.bytes(addressCount: 0, rest: long), token: Self.token) == nil)
    for count in 0..<36 { #expect(ShimQuestion(Array(Self.bytes().prefix(count)), token: Self.token) == nil) }
    #expect(ShimQuestion([UInt8](repeating: 255, count: 4000), token: Self.token) == nil)
  }

  @Test func anAnswerIsLaidOutAsTheLibraryReadsIt() {
    #expect(ShimAnswer.bytes(ShimAnswer.goOn, inodes: []) == [255, 255, 255, 255, 0, 0, 0, 0])
    #expect(ShimAnswer.bytes(0, inodes: [0x102]) == [0, 0, 0, 0, 1, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0])
  }
}
