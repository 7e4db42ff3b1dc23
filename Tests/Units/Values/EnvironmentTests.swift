import Testing

@testable import Units

@Suite struct EnvironmentTests {
  @Test func assignmentsAreWords() {
    // The example of systemd.exec(5).
    let reading = Reading(
      #"[Service]"# + "\n" + #"Environment="VAR1=word1 word2" VAR2=word3 "VAR3=$word 5 6""# + "\nEnvironment=VAR2=%n\n")
    #expect(reading.messages == [])
    #expect(
      reading.service.execution.environment.map { "\($0.name)=\($0.value.shown)" } == [
        "VAR1=word1 word2", "VAR3=$word 5 6", "VAR2=test.torpor",
      ])
  }

  @Test func whatIsNoAssignmentIsAnError() {
    #expect(
      Reading("[Service]\nEnvironment=A=1 B \"2C=x\"\nPassEnvironment=A=1\n").messages == [
        "2:17: error: Environment=: 'B' is not NAME=VALUE",
        "3:17: error: PassEnvironment=: 'A=1' can't be the name of a variable",
      ])
  }

  /// systemd leaves out such a line.
  @Test func anEscapeThatNobodyKnowsIsTold() {
    let reading = Reading("[Service]\nEnvironment=A=x\\d \"B=\\n\"\n")
    #expect(reading.service.execution.environment.map(\.value.shown) == ["x\\d", "\n"])
    #expect(reading.messages.count == 1 && reading.messages[0].hasPrefix("2:16: warning: Environment=: this escape"))
  }

  private func file(_ text: String) -> [String] {
    EnvironmentSyntax.file(SourceFile(path: "e", text: text)).variables.map { "\($0.name)=\($0.value)" }
  }

  @Test func environmentFilesAreReadAsSystemdReadsThem() {
    #expect(file("A=1\n# no\n; no\n  B = two words  \n\nC=\n") == ["A=1", "B=two words", "C="])
    #expect(file("A=\"q ' \\\"x\\\" \\$y \\n\"\nB='s \\n \" '\n") == ["A=q ' \"x\" $y \\n", "B=s \\n \" "])
    #expect(file("A=one\\\ntwo\nB=\"one\\\ntwo\"\nC=a\\ b\n") == ["A=onetwo", "B=onetwo", "C=a b"])
    #expect(file("A=\"a\"b'c'\n") == ["A=ab'c'"])
    #expect(file("A='two\nlines'\nB=x#y\n") == ["A=two\nlines", "B=x#y"])
    #expect(file("A=1\r\nB=2") == ["A=1", "B=2"])
    // A comment can be continued: until systemd 254 it is.
    #expect(file("# a \\\nA=hidden\nB=1\n") == ["B=1"])
  }

  @Test func aFileOfEverythingIsReadAsSystemdReadsIt() {
    let text = """
      # a comment with A=1
      ; another \\
      continued B=2
      PLAIN=value with spaces  \t
        SPACED = x
      SINGLE='a "b" \\n'
      DOUBLE="a 'b' \\" \\$ \\n"
      MIXED=a"b"c
      JOINED="a"'b'
      CONTINUED=one \\
      two
      ESCAPED=a\\ b\\
      EMPTY=
      9BAD=1
      NO-NAME=1
      no equals sign
      CRLF=x\r
      LAST=end
      """
    #expect(
      file(text) == [
        "PLAIN=value with spaces", "SPACED=x", "SINGLE=a \"b\" \\n", "DOUBLE=a 'b' \" $ \\n", "MIXED=a\"b\"c",
        "JOINED=ab",
        "CONTINUED=one two", "ESCAPED=a bEMPTY=", "CRLF=x", "LAST=end",
      ])
    let bytes = SourceFile(path: "e", bytes: [0x41, 0x3d, 0xff, 0x0a, 0x42, 0x3d, 0x00])
    #expect(EnvironmentSyntax.file(bytes).variables.isEmpty)
    #expect(EnvironmentSyntax.file(bytes).problems.count == 2)
  }

  /// As systemd has it: the last variable of a file is one however it ends.
  @Test(arguments: [
    ("A=1\nB=\"x", "B=x"), ("A=1\nB='x\n", "B=x\n"), ("A=1\nB=x\\", "B=x"), ("A=1\nB=x\\\n", "B=x"),
    ("A=1\nB=\"x\\", "B=x"), ("A=1\nB=", "B="), ("A=1\nB=x  ", "B=x"),
  ])
  func theLastVariableOfAFileIsOne(text: String, last: String) {
    #expect(file(text) == ["A=1", last])
  }

  @Test func whatIsPassedOverIsTold() {
    let problems = EnvironmentSyntax.file(SourceFile(path: "e", text: "export A=1\nnonsense\n1B=2\nC=\"x")).problems
    #expect(
      problems.map(\.description) == [
        "e:1:1: warning: 'export A' can't be the name of a variable; it is passed over",
        "e:2:1: warning: this line is no NAME=VALUE and is passed over",
        "e:3:1: warning: '1B' can't be the name of a variable; it is passed over",
        "e:4:1: warning: a quote of this variable is not closed",
      ])
  }

  @Test func ofManyProblemsTheFirstAreTold() {
    let problems = EnvironmentSyntax.file(SourceFile(path: "e", text: String(repeating: "x\n", count: 5000))).problems
    #expect(problems.count == 11)
    #expect(problems.last?.description == "e:11:1: warning: this and what follows is not told any more")
  }
}
