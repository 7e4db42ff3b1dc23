import Testing

@testable import Units

@Suite struct UnitSyntaxTests {
  private func entries(_ text: String) -> [String] {
    UnitSyntax(SourceFile(path: "f", text: text)).entries.map { "\($0.section).\($0.key)=\($0.value)" }
  }

  private func messages(_ bytes: [UInt8]) -> [String] {
    UnitSyntax(SourceFile(path: "f", bytes: bytes)).diagnostics.map(\.description)
  }

  private func messages(_ text: String) -> [String] { messages(Array(text.utf8)) }

  @Test func spaceAroundKeysAndValuesIsNothing() {
    #expect(
      entries("[Service]\n  ExecStart =  /bin/true  \n\tUser=a b\t\n") == [
        "Service.ExecStart=/bin/true", "Service.User=a b",
      ])
  }

  @Test func commentsAndEmptyLinesAreNothing() {
    #expect(
      entries("# one\n; two\n\n[Unit]\n  # three\nDescription=a # not a comment\n") == [
        "Unit.Description=a # not a comment"
      ])
  }

  @Test func sectionsMayComeAgain() {
    #expect(entries("[A]\nx=1\n[B]\nx=2\n[A]\nx=3\n") == ["A.x=1", "B.x=2", "A.x=3"])
  }

  @Test func backslashContinuesALineAndBecomesASpace() {
    #expect(entries("[S]\nE=a \\\n  b\\\nc\nF=1\n") == ["S.E=a    b c", "S.F=1"])
  }

  @Test func commentsInsideAContinuationArePassedOver() {
    #expect(entries("[S]\nE=a \\\n# no\n ; no\n  b\n") == ["S.E=a    b"])
  }

  @Test func emptyLineEndsAContinuation() {
    #expect(entries("[S]\nE=a \\\n\nF=b\n") == ["S.E=a", "S.F=b"])
  }

  /// Between quotes it counts, and systemd keeps it, too.
  @Test func whiteSpaceBeforeAContinuedLineStays() {
    let reading = Reading("[Service]\nExecStart=/bin/echo 'a\\\n# no\n\t  b' \\\n  c\n")
    #expect(reading.service.execStart.first?.words == ["/bin/echo", "a \t  b", "c"])
  }

  @Test func evenNumberOfBackslashesContinuesNothing() {
    #expect(entries("[S]\nE=a\\\\\nF=b\n") == ["S.E=a\\\\", "S.F=b"])
  }

  @Test func endOfTheFileEndsAContinuation() {
    #expect(entries("[S]\nE=a \\") == ["S.E=a"])
  }

  @Test func carriageReturnsAndAByteOrderMarkAreNothing() {
    #expect(entries("\u{FEFF}[S]\r\nE=a \\\r\n b\r\n") == ["S.E=a   b"])
  }

  @Test func valuesKeepEqualSignsAndHashes() {
    #expect(entries("[S]\nE=a=b==#;\n=x\n") == ["S.E=a=b==#;"])
    #expect(messages("[S]\nE=a\n=x\n") == ["f:3:1: error: there is no key before '='"])
  }

  @Test func whatIsWrongIsToldWithItsPlace() {
    #expect(
      messages("[S]\n  nonsense\n") == ["f:2:3: error: '=' is missing: a line is KEY=VALUE, a comment or [SECTION]"])
    #expect(messages("a=b\nc=d\n[S]\n") == ["f:1:1: error: this stands before the first section header"])
    #expect(messages("[S\na=b\n") == ["f:1:1: error: a section header is a name in brackets: [Service]"])
    #expect(
      messages("[S]\n.include /x\n") == ["f:2:1: error: '.include' is no longer supported: use a drop-in directory"])
    #expect(
      messages(Array("[S]\na=b".utf8) + [0] + Array("c\nd=e\n".utf8)) == ["f:2:4: error: a NUL byte is in this line"])
    #expect(messages(Array("[S]\na=".utf8) + [0xFF, 0x0A]) == ["f:2:1: error: this line is not UTF-8"])
  }

  @Test func lineOfAMebibyteIsTheLongest() {
    let head = "[S]\na="
    let longest = String(repeating: "x", count: UnitSyntax.lineBytesMax - 2)
    #expect(messages(head + longest) == [])
    #expect(messages(head + longest + "x") == ["f:2:1: error: a line is longer than 1 MiB"])
    let half = String(repeating: "x", count: UnitSyntax.lineBytesMax / 2)
    #expect(messages("\(head)\(half)\\\n\(half)\n") == ["f:2:1: error: a continued line is longer than 1 MiB"])
  }

  @Test func placesInContinuedValuesAreThoseOfTheFile() throws {
    let file = SourceFile(path: "f", text: "[S]\nEnvironment=A=1 \\\n  # no\n   B=2 \\\n µ=3\n")
    let entry = try #require(UnitSyntax(file).entries.first)
    #expect(entry.value == "A=1     B=2   µ=3")
    #expect(file.position(of: entry.fileOffset(of: 0)) == Position(line: 2, column: 13))
    #expect(file.position(of: entry.fileOffset(of: 8)) == Position(line: 4, column: 4))
    #expect(file.position(of: entry.fileOffset(of: 14)) == Position(line: 5, column: 2))
    #expect(file.position(of: entry.fileOffset(of: 16)) == Position(line: 5, column: 3))
  }

  @Test func messagesShowTheLineAndACaret() {
    let reading = Reading("[Service]\n\tExecStart=\t/bin/x 'open\n")
    #expect(
      reading.diagnostics.map(\.rendered) == [
        "test.torpor:2:20: error: ExecStart=: a quote is not closed\n  \tExecStart=\t/bin/x 'open\n  \t          \t       ^"
      ])
  }
}
