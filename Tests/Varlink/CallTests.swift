import Testing
import Varlink

@Suite struct CallTests {
  private struct HoldParameters: CallParameters {
    static let names = ["name", "seconds", "tags"]
    let name: String
    let seconds: Double?
    let tags: [String]?
  }

  private func call(_ text: String) throws(CallError) -> Call { try Call(Array(text.utf8)) }

  private func refusal(_ parameters: String) throws -> StandardError? {
    let call = try call(#"{"method":"io.example.Hold","parameters":\#(parameters)}"#)
    do throws(StandardError) { _ = try call.parameters(as: HoldParameters.self) } catch { return error }
    return nil
  }

  @Test func aCallSaysHowItIsMeant() throws {
    let plain = try call(#"{"method":"io.example.Hold"}"#)
    #expect(plain.method == "io.example.Hold")
    #expect(plain.interface == "io.example")
    #expect(!plain.more && !plain.oneway && !plain.upgrade)
    let other = try call(#"{"method":"a.B","more":true,"oneway":true,"upgrade":true,"unheardOf":[1]}"#)
    #expect(other.more && other.oneway && other.upgrade)
  }

  @Test func aMethodWithoutAnInterfaceHasNone() throws {
    #expect(try call(#"{"method":"Hold"}"#).interface == nil)
  }

  @Test func parametersAreDecoded() throws {
    let call = try call(#"{"method":"a.B","parameters":{"name":"r\u0065dis","seconds":90}}"#)
    let parameters = try call.parameters(as: HoldParameters.self)
    #expect(parameters.name == "redis")
    #expect(parameters.seconds == 90)
    #expect(parameters.tags == nil)
  }

  @Test(arguments: [
    (#"{}"#, "name"), (#"null"#, "name"), (#"{"name":null}"#, "name"), (#"{"name":5}"#, "name"),
    (#"{"name":"x","seconds":"long"}"#, "seconds"), (#"{"name":"x","seconds":[]}"#, "seconds"),
    (#"{"name":"x","tags":["a",5]}"#, "tags"), (#"{"name":"x","tags":{}}"#, "tags"),
    (#"{"name":"x","secnds":5}"#, "secnds"), (#"[]"#, "parameters"), (#""name""#, "parameters"), (#"7"#, "parameters"),
  ])
  func whatIsWrongIsNamed(parameters: String, field: String) throws {
    #expect(try refusal(parameters) == .invalidParameter(field))
  }

  @Test func whatIsRightIsNotRefused() throws {
    #expect(try refusal(#"{"name":"x","seconds":null,"tags":[]}"#) == nil)
  }

  @Test func noneIsNone() throws {
    for text in [#"{"method":"a.B"}"#, #"{"method":"a.B","parameters":{}}"#, #"{"method":"a.B","parameters":null}"#] {
      _ = try call(text).parameters(as: NoParameters.self)
    }
    #expect(throws: StandardError.invalidParameter("x")) {
      try call(#"{"method":"a.B","parameters":{"x":1}}"#).parameters(as: NoParameters.self)
    }
  }

  @Test(arguments: [
    (#"{}"#, "method"), (#"{"method":5}"#, "method"), (#"{"method":null}"#, "method"),
    (#"{"method":"a.B","more":"yes"}"#, "more"), (#"{"method":"a.B","oneway":1}"#, "oneway"),
    (#"{"method":"a.B","upgrade":{}}"#, "upgrade"),
  ])
  func anObjectThatIsNoCallIsAnswered(text: String, field: String) {
    #expect(throws: CallError.standard(.invalidParameter(field))) { try call(text) }
  }

  @Test(arguments: ["", " ", "{", "GET / HTTP/1.1", "[]", "5", "nul", #"{"method":"a.B"} {}"#, #"{"method":}"#])
  func whatIsNoObjectIsMalformed(text: String) {
    #expect(throws: CallError.malformed(.notJSON)) { try call(text) }
  }

  @Test(arguments: [[0xFF, 0xFE, 0x7B, 0x7D], [0xC3, 0x28], [0x22, 0x80, 0x22]])
  func onlyUTF8IsTaken(bytes: [UInt8]) {
    #expect(throws: CallError.malformed(.notUTF8)) { try Call(bytes) }
  }

  @Test func depthIsCountedOutsideOfStringsOnly() throws {
    let brackets = String(repeating: "[", count: 100)
    _ = try call(#"{"method":"a.B","x":"\"\#(brackets)\\"}"#)
    let nested = { (depth: Int) in String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
    _ = try call(#"{"method":"a.B","x":\#(nested(31))}"#)
    #expect(throws: CallError.malformed(.tooDeep(limit: 32))) { try call(#"{"method":"a.B","x":\#(nested(32))}"#) }
    #expect(throws: CallError.malformed(.tooDeep(limit: 32))) { try call(String(repeating: "[", count: 1 << 20)) }
  }
}
