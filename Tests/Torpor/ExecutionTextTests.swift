import Testing

@testable import Torpor

/// What unit files and services say to the running side, as text.
@Suite struct ExecutionTextTests {
  @Test func variablesAreExpandedAsSystemdDoes() {
    let variables = VariableExpansion([
      "ONE=1", "WORDS=a 'b c'  \"d\"e f\\ g", "EMPTY=", "ONE=last", "QUOTED='it\\'s' \"open \\",
    ])
    let cases: [(String, [String])] = [
      ("plain", ["plain"]), ("$ONE", ["last"]), ("${ONE}", ["last"]), ("x${ONE}y", ["xlasty"]), ("x$ONE", ["x$ONE"]),
      ("$WORDS", ["a", "b c", "de", "f g"]), ("${WORDS}", ["a 'b c'  \"d\"e f\\ g"]), ("$EMPTY", []),
      ("${EMPTY}", [""]),
      ("$NONE", []), ("${NONE}", [""]), ("$$ONE", ["$ONE"]), ("a$$b", ["a$b"]), ("${ONE", ["${ONE"]), ("$", ["$"]),
      // What can't be a variable's name is a variable that isn't set.
      ("${1A}", [""]), ("$1", []), ("$ONE/x", []), ("$ONE$ONE", []),
      ("$QUOTED", ["it's", "open "]),
    ]
    for (word, expected) in cases { #expect(variables.words(of: word) == expected, "\(word)") }
  }

  @Test func aUsersDirectoriesAreAtHomeWithoutASession() {
    let own = ["HOME": "/home/me", "XDG_CACHE_HOME": "relative"]
    let roots = DirectoryRoots.user { own[$0] }
    #expect(roots?.state == "/home/me/.local/state" && roots?.cache == "/home/me/.cache")
    #expect(roots?.runtime == "/home/me/.local/state/torpor/runtime")
    #expect(DirectoryRoots.user { ["XDG_RUNTIME_DIR": "/run/user/1", "HOME": "/h"][$0] }?.runtime == "/run/user/1")
    #expect(DirectoryRoots.user { ["XDG_RUNTIME_DIR": "/run/user/1"][$0] } == nil)
  }

  @Test func aCommandThatExpandsNothingIsPassedAsItIs() {
    let command = CommandLine(path: "/bin/x", argument0: "name", words: ["$HOME", "${A}"], expandsVariables: false)
    #expect(command.arguments(environment: ["A=1", "HOME=/"]) == ["name", "$HOME", "${A}"])
  }

  @Test func whatAServiceSaysIsReadAndBounded() {
    let text =
      "READY=1\nSTATUS=up \u{1b}[31m\u{202e}\u{7}now\nMAINPID=4711\nWATCHDOG=1\nWATCHDOG_USEC=2000000\nERRNO=5\nX-BUSY=1"
    let message = NotifyMessage(Array(text.utf8))
    #expect(message.isReady && message.status == "up [31mnow" && message.mainPID == 4711 && message.watchdog == .alive)
    #expect(message.watchdogTimeout == .seconds(2) && message.errno == 5 && message.isBusy == true && !message.isEmpty)
    let long = NotifyMessage(Array(("STATUS=" + String(repeating: "é", count: 4000)).utf8))
    #expect(long.status?.count == NotifyMessage.statusCharactersMax)
    for text in [
      "MAINPID=1", "MAINPID=-5", "MAINPID=99999999999999999999", "MAINPID=", "READY=2", "=", "==", "X", "\u{0}=1",
    ] {
      #expect(NotifyMessage(Array(text.utf8)).isEmpty, "\(text)")
    }
    let endless = NotifyMessage(Array("EXTEND_TIMEOUT_USEC=18446744073709551615".utf8))
    #expect(endless.extendedTimeout == .microseconds(3_000_000_000_000_000))
  }

  @Test func anEndIsToldToTheCommandsThatFollow() {
    var result = ExecutionResult()
    #expect(result.variables == ["SERVICE_RESULT=success"])
    result.note(.signalled(9, dumpedCore: false))
    #expect(result.variables == ["SERVICE_RESULT=signal", "EXIT_CODE=killed", "EXIT_STATUS=KILL"])
    var clean = ExecutionResult()
    clean.note(.signalled(15, dumpedCore: false))
    #expect(clean.variables == ["SERVICE_RESULT=success", "EXIT_CODE=killed", "EXIT_STATUS=TERM"])
    var failed = ExecutionResult()
    failed.note(.exited(code: 3))
    #expect(failed.variables == ["SERVICE_RESULT=exit-code", "EXIT_CODE=exited", "EXIT_STATUS=3"])
  }
}
