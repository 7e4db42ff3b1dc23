import Testing
import Units

@testable import Torpor

@Suite struct UnitDraftTests {
  @Test func itIsAUnitFile() throws {
    let draft = UnitDraft(
      listen: try ["8080", "*:81", "udp:127.0.0.1:53", "/run/x.sock", "@name", "seqpacket:/run/y", "fifo:/run/z"].map {
        try ListenAddress($0)
      }, command: ["/usr/bin/x", "--a", "b c"], idle: "5min", user: "nobody")
    #expect(
      draft.text == """
        [Socket]
        ListenStream=127.0.0.1:8080
        ListenStream=[::1]:8080
        ListenStream=81
        ListenDatagram=127.0.0.1:53
        ListenStream=/run/x.sock
        ListenStream=@name
        ListenSequentialPacket=/run/y
        ListenFIFO=/run/z

        [Service]
        User=nobody
        ExecStart=/usr/bin/x --a "b c"

        [X-Idle]
        TimeoutSec=5min

        """)
  }

  /// A percent sign isn't a specifier's, and a link-local address has its interface where systemd wants it.
  @Test(arguments: ["/run/100%n/x%.sock", "@a%b", "fifo:/run/%h", "[fe80::1%lo]:81", "udp:[fe80::1%lo]:81"])
  func anAddressComesOutAsItWentIn(address: String) throws {
    let typed = try ListenAddress(address)
    let draft = UnitDraft(listen: [typed], command: ["/bin/echo"])
    var files = MemoryFiles()
    files.set("/u/x.torpor", draft.text)
    let unit = try #require(UnitLoader(files: files, directories: ["/u"]).load("x"))
    #expect(unit.isUsable, "\(unit.diagnostics)")
    let held = try UnitTranslation(isSystem: true).options(of: unit).listen
    #expect(held.map(\.kind) == [typed.kind])
  }

  /// What was typed is what the service gets, by the reader of unit files and the translation to a start.
  @Test(arguments: [
    "plain", "", "a b", "50%", "%n", "$HOME", "${X}", "it's", "say \"x\"", "back\\slash", "\\n", "new\nline", "tab\t",
    ";", "Ünï💥", "-x", "#", "a;b", "%%", "$$",
  ])
  func aWordComesOutAsItWentIn(word: String) throws {
    let draft = UnitDraft(listen: [try ListenAddress("127.0.0.1:1")], command: ["/bin/echo", word, "end"])
    var files = MemoryFiles()
    files.set("/u/x.torpor", draft.text)
    let unit = try #require(UnitLoader(files: files, directories: ["/u"]).load("x"))
    #expect(unit.isUsable, "\(unit.diagnostics)")
    let command = try #require(unit.service.execStart.first)
    #expect(command.path == "/bin/echo")
    let words = command.arguments.map { $0.literal }
    #expect(words == ["/bin/echo", word, "end"], "\(draft.text)")
  }
}
