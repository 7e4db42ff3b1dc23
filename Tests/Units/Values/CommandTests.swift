import Testing

@testable import Units

@Suite struct CommandTests {
  private func commands(_ text: String) -> [Command] {
    Reading("[Service]\nType=oneshot\nExecStart=\(text)\n").service.execStart
  }

  private func words(_ text: String) -> [[String]] { commands(text).map(\.words) }

  private func messages(_ text: String) -> [String] { Reading("[Service]\nExecStart=\(text)\n").messages }

  @Test func wordsAreAShells() {
    #expect(
      words(#"/bin/x one "two words" 'three "words"' a"b c"d"#) == [
        ["/bin/x", "one", "two words", "three \"words\"", "ab cd"]
      ])
  }

  @Test func emptyQuotesAreAnEmptyWord() {
    #expect(words(#"/bin/x "" ''"#) == [["/bin/x", "", ""]])
  }

  @Test func escapesAreThoseOfC() {
    #expect(
      words(#"/bin/x \a\b\f\n\r\t\v\s\\\"\' \x41\101\u00e4\U0001F600 "a\tb""#) == [
        ["/bin/x", "\u{7}\u{8}\u{C}\n\r\t\u{B} \\\"'", "AAä😀", "a\tb"]
      ])
  }

  @Test func unknownEscapesStandAsTheyAreAndAreTold() {
    #expect(words(#"/bin/x \d+ a\.b"#) == [["/bin/x", #"\d+"#, #"a\.b"#]])
    #expect(
      messages(#"/bin/x \d+"#) == [
        #"2:18: warning: ExecStart=: this escape sequence is not known and stands as it is (a backslash is written \\)"#
      ])
    #expect(words(#"/bin/x \x00 \400 \u0000 \ud800"#) == [["/bin/x", #"\x00"#, #"\400"#, #"\u0000"#, #"\ud800"#]])
  }

  @Test func bytesThatMakeNoTextAreRefused() {
    #expect(messages(#"/bin/x \xff"#) == ["2:18: error: ExecStart=: a word is not UTF-8 once its escapes are decoded"])
    #expect(words(#"/bin/x \xc3\xa4"#) == [["/bin/x", "ä"]])
  }

  @Test func aLoneSemicolonStandsBetweenCommands() {
    #expect(words("/bin/a 1 ; /bin/b 2 ; -/bin/c") == [["/bin/a", "1"], ["/bin/b", "2"], ["/bin/c"]])
    #expect(words(#"/bin/a \; ";" a; 1"#) == [["/bin/a", ";", ";", "a;", "1"]])
    #expect(commands("/bin/a ; -/bin/b").map(\.ignoresFailure) == [false, true])
  }

  @Test func prefixesAreTaken() {
    #expect(commands("-/bin/a")[0].ignoresFailure)
    #expect(commands("+/bin/a")[0].privileges == .full)
    #expect(commands("!/bin/a")[0].privileges == .elevated)
    #expect(commands("!!/bin/a")[0].privileges == .restricted)
    #expect(
      commands("-!/bin/a")[0]
        == Command(path: "/bin/a", arguments: [Template("/bin/a")], ignoresFailure: true, privileges: .elevated))
    #expect(commands("@/bin/a name x")[0] == Command(path: "/bin/a", arguments: [Template("name"), Template("x")]))
    #expect(commands(":/bin/a $A ${B} $$")[0].arguments == ["/bin/a", "$A", "${B}", "$$"].map { Template($0) })
    #expect(
      messages("@/bin/a") == [
        "2:11: error: ExecStart=: '@' makes the word behind the path the process's name, and it is missing"
      ])
    #expect(messages("--/bin/a")[0].contains("'-/bin/a' is neither an absolute path"))
    #expect(messages("+!/bin/a")[0].contains("'!/bin/a' is neither an absolute path"))
  }

  @Test func programsAreAbsolutePathsOrBareNames() {
    #expect(commands("//bin/./sh -c x")[0].path == "/bin/sh")
    #expect(commands("sh -c x")[0].path == "sh")
    for text in ["bin/sh", "./sh", "/bin/../sh", "/"] {
      #expect(messages(text)[0].contains("is neither an absolute path nor the bare name of a program"), "\(text)")
    }
    #expect(messages("-") == ["2:11: error: ExecStart=: the path of a command is missing"])
    #expect(messages("/bin/a ; ;") == ["2:19: error: ExecStart=: a command is expected before ';'"])
  }

  @Test func variablesBecomeTemplates() {
    let arguments = commands("/bin/x $WORDS ${ONE} a${B}c$D $$HOME $$$$ ${E $")[0].arguments.dropFirst()
    #expect(
      arguments.map(\.parts) == [
        [.words(of: "WORDS")], [.variable("ONE")], [.literal("a"), .variable("B"), .literal("c$D")],
        [.literal("$HOME")],
        [.literal("$$")], [.literal("${E")], [.literal("$")],
      ])
  }

  @Test func variablesAreFilledInAsSystemdDoes() {
    let values = ["ONE": "one", "TWO": "'two two' too", "EMPTY": ""]
    func words(_ line: String) -> [String] {
      commands(line)[0].arguments.flatMap { $0.expanded(variable: { values[$0] }, placeholder: \.description) }
    }
    // The examples of systemd.service(5), "Command lines".
    #expect(words("/bin/echo $ONE $TWO ${TWO}") == ["/bin/echo", "one", "two two", "too", "'two two' too"])
    #expect(words("/bin/echo $EMPTY $UNSET ${UNSET} ${EMPTY}x") == ["/bin/echo", "", "x"])
  }

  @Test func wordsThatNameNoVariableAreTold() {
    #expect(
      messages("/bin/x $FOO/bar") == [
        "2:18: warning: ExecStart=: '$FOO/bar' is read as one variable's name and can't be set: write '${NAME}' where a word goes on"
      ])
  }

  @Test func aShellsLineIsOneWord() {
    // mariadb.service of Debian 12.
    let text = """
      /bin/sh -c "set -f; [ ! -e /usr/bin/galera_recovery ] && VAR= || \\
       VAR=`/usr/bin/galera_recovery`; [ $? -eq 0 ] || exit 1; \\
       exec /usr/sbin/mariadbd $MYSQLD_OPTS $VAR"
      """
    let command = commands(text)[0]
    #expect(command.arguments.count == 3)
    #expect(
      command.arguments[2].literal
        == "set -f; [ ! -e /usr/bin/galera_recovery ] && VAR= ||   VAR=`/usr/bin/galera_recovery`; [ $? -eq 0 ] || exit 1;   exec /usr/sbin/mariadbd $MYSQLD_OPTS $VAR"
    )
  }

  @Test func emptyAssignmentResets() {
    #expect(
      Reading("[Service]\nExecStart=/bin/a\nExecStart=\nExecStart=/bin/b\n").service.execStart.map(\.path) == ["/bin/b"]
    )
    #expect(Reading("[Service]\nExecStart=bad/path\nExecStart=\n").messages == [])
  }

  @Test func quotesMustBeClosed() {
    #expect(messages(#"/bin/x "a b"#) == [#"2:18: error: ExecStart=: a quote is not closed"#])
  }
}
