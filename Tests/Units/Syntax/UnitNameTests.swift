import Testing

@testable import Units

@Suite struct UnitNameTests {
  @Test func namesAreTakenApart() throws {
    let name = try #require(UnitName("postgresql@15-main.service"))
    #expect(name.prefix == "postgresql" && name.instance == "15-main" && name.kind == .service)
    #expect(name.stem == "postgresql@15-main" && !name.isTemplate)
    #expect(name.template?.description == "postgresql@.service")
    #expect(UnitName("a@.socket")?.isTemplate == true)
    #expect(UnitName("a.b@c@d.torpor")?.instance == "c@d")
  }

  @Test(arguments: ["", ".service", "a", "a.timer", "a b.service", "ä.service", "@x.service", "a/b.socket"])
  func whatIsNoNameIsNone(_ text: String) {
    #expect(UnitName(text) == nil)
  }

  @Test func namesHaveAtMost255Bytes() {
    #expect(UnitName(String(repeating: "a", count: 247) + ".service") != nil)
    #expect(UnitName(String(repeating: "a", count: 248) + ".service") == nil)
  }

  /// As systemd-escape(1) 252 answers.
  @Test(arguments: [
    ("Hallöchen, Meister", #"Hall\xc3\xb6chen\x2c\x20Meister"#), ("/tmp//waldi/foobar/", "-tmp--waldi-foobar-"),
    (".hidden", #"\x2ehidden"#), ("a-b", #"a\x2db"#), (#"a\b"#, #"a\x5cb"#),
  ])
  func anyTextCanBeEscapedAndBack(_ text: String, _ escaped: String) {
    #expect(UnitName.escape(text) == escaped)
    #expect(UnitName.unescape(escaped) == text)
  }

  @Test func pathsCanBeEscapedAndBack() {
    #expect(UnitName.escape(path: "/tmp//waldi/foobar/") == "tmp-waldi-foobar")
    #expect(UnitName.escape(path: "/") == "-")
    #expect(UnitName.unescape(path: "tmp-waldi") == "/tmp/waldi")
    #expect(UnitName.unescape(path: "-") == "/")
    #expect(UnitName.unescape(#"a\x2"#) == nil)
    #expect(UnitName.unescape(#"\xff"#) == nil)
  }
}
