import Testing
import Varlink

@Suite struct InterfaceParserTests {
  @Test func everyKindOfMemberIsRead() throws {
    let interface = try InterfaceDescription(
      parsing: """
        # A comment.
        interface io.example.more-2

        type Place (x: float, y: ?float)   # another
        type State (on, off)
        method Find(name: string, where: []Place,
          limits: [string]int) -> (found: ?[](place: Place, sure: bool))
        method Ping()->()
        error Lost (last: ?State, details: object)
        """)
    #expect(interface.name == "io.example.more-2")
    #expect(interface.types["State"] == .enumeration(["on", "off"]))
    let find = try #require(interface.methods["Find"])
    #expect(
      find.parameters == [
        .init(name: "name", type: .string), .init(name: "where", type: .array(.named("Place"))),
        .init(name: "limits", type: .dictionary(.int)),
      ])
    #expect(
      find.reply == [
        .init(
          name: "found",
          type: .optional(
            .array(
              .structure([.init(name: "place", type: .named("Place")), .init(name: "sure", type: .bool)])
            )))
      ])
    #expect(interface.methods["Ping"] == .init(parameters: [], reply: []))
    #expect(interface.errors["Lost"]?.map(\.type) == [.optional(.named("State")), .object])
  }

  @Test func theStandardInterfaceIsRead() throws {
    let interface = try InterfaceDescription(parsing: ServiceInterface.description)
    #expect(interface.name == ServiceInterface.name)
    #expect(interface.methods.keys.sorted() == ["GetInfo", "GetInterfaceDescription"])
    #expect(interface.errors.count == 6)
  }

  @Test(arguments: [
    ("", "1:1"), ("interface", "1:10"), ("interface example", "1:11"), ("interface 5.x", "1:11"),
    ("interface a.b\nmethod X", "2:9"), ("interface a.b\nmethod x() -> ()", "2:8"),
    ("interface a.b\nmethod X() ()", "2:12"), ("interface a.b\ntype X (a: int, a: int)", "2:17"),
    ("interface a.b\ntype X (a: int, b)", "2:17"), ("interface a.b\ntype X (a: number)", "2:12"),
    ("interface a.b\ntype X (a: ??int)", "2:12"), ("interface a.b\ntype X (a: [int]int)", "2:13"),
    ("interface a.b\ntype X (a_: int)", "2:9"), ("interface a.b\ntype X (a: int", "2:15"),
    ("interface a.b\ntype X (a)\ntype X (b)", "3:6"), ("interface a.b\nfunction X() -> ()", "2:1"),
    ("interface a.b\nmethod X(a) -> ()", "2:9"),
  ])
  func aMistakeIsSaidToBeWhereItIs(text: String, place: String) {
    #expect { try InterfaceDescription(parsing: text) } throws: { error in
      (error as? InterfaceDescription.Malformed)?.description.hasPrefix(place + ":") ?? false
    }
  }

  @Test func typesWithinTypesHaveAnEnd() {
    let text = "interface a.b\ntype X (a: \(String(repeating: "[]", count: 100_000))int)"
    #expect(throws: InterfaceDescription.Malformed.self) { try InterfaceDescription(parsing: text) }
  }

  @Test(arguments: [
    (#"{"state":"on","at":{"x":1}}"#, nil), (#"{"state":"on","at":{"x":1.5,"y":null}}"#, nil),
    (#"{"state":"dim","at":{"x":1}}"#, ".state"), (#"{"state":"on"}"#, ".at"), (#"{"state":"on","at":{}}"#, ".at.x"),
    (#"{"state":"on","at":{"x":"1"}}"#, ".at.x"), (#"{"state":"on","at":{"x":1},"odd":1}"#, ".odd"),
    (#"{"state":"on","at":{"x":1},"list":[1,"2"]}"#, ".list[1]"),
  ])
  func aValueIsComparedWithItsType(text: String, mismatch: String?) throws {
    let interface = try InterfaceDescription(
      parsing: """
        interface a.b
        type State (on, off)
        type Whole (state: State, at: (x: float, y: ?float), list: ?[]int)
        """)
    let value = try #require(JSONValue(Array(text.utf8)))
    let found = interface.mismatch(of: value, with: .named("Whole"))
    if let mismatch {
      #expect(found?.hasPrefix(mismatch + ":") == true, "\(found ?? "none")")
    } else {
      #expect(found == nil)
    }
  }
}
