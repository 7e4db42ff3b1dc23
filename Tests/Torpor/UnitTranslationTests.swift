import Foundation
import Testing

@testable import Linux
@testable import Torpor
@testable import Units

/// What unit files say, as a service is run by it.
@Suite struct UnitTranslationTests {
  private struct Texts: UnitFiles {
    let text: String
    func list(_ directory: String) -> [String]? { directory == "/units" ? ["one.torpor"] : nil }
    func read(_ path: String) -> UnitFileContents { .bytes(Array(text.utf8)) }
  }

  private func options(_ text: String) throws -> ServiceOptions {
    let set = UnitLoader(
      files: Texts(text: text), directories: ["/units"], specifiers: .system, isStrict: false, keepsNotes: false
    ).loadAll()
    let unit = try #require(set["one"])
    try #require(unit.isUsable, "\(unit.diagnostics)")
    return try UnitTranslation(isSystem: true).options(of: unit)
  }

  private func options(socket: String = "", service: String) throws -> ServiceOptions {
    try options("[Socket]\nListenStream=127.0.0.1:1\nFileDescriptorName=web\n\(socket)\n[Service]\n\(service)\n")
  }

  /// Runs the unit's program, and returns the arguments that it really got.
  private func arguments(_ words: String, environment: String = "") throws -> [String] {
    let directory = try TestDirectory()
    let path = directory.path + "/arguments"
    let options = try options(
      service: """
        ExecStart=/bin/sh -c 'for word; do printf "%%s\\\\n" "[$$word]"; done > \(path).new; mv \(path).new \(path)' name \(words)
        \(environment)
        [X-Idle]
        Handover=listen-fds
        """)
    let launcher = try Launcher(Shared(options))
    let nothing = try OwnedFD.null()
    let processes = NoCgroup()
    let process = try launcher.start(
      sockets: [nothing.number], passed: [PlaceholderText.Socket(name: "web", address: "127.0.0.1:1", number: 3)],
      standard: StandardDescriptors(input: nothing.number), processes: processes)
    let pid = process.takeHandle().pid
    var status: Int32 = 0
    #expect(waitpid(pid, &status, 0) == pid)
    return try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
  }

  private final class NoCgroup: CgroupSource {
    func cgroupDirectory(named name: String) -> Int32? { nil }
    func dropCgroup() {}
  }

  @Test func socketSettingsAreTakenOver() throws {
    let options = try options(
      socket: """
        Backlog=7
        KeepAlive=yes
        IPTTL=9
        BindToDevice=lo
        PipeSize=64K
        SocketMode=0600
        DirectoryMode=0700
        MaxConnectionsPerSource=3
        """, service: "ExecStart=/bin/cat")
    let address = try #require(options.listen.first)
    #expect(address.settings.backlog == 7 && address.settings.pipeSize == 65536)
    #expect(address.settings.options.map(\.key) == ["KeepAlive", "IPTTL", "IPTTL", "BindToDevice"])
    #expect(address.access?.mode == 0o600 && address.access?.directoryMode == 0o700)
    #expect(options.connectionsPerSourceMax == 3)
  }

  @Test func processSettingsAreTakenOver() throws {
    #expect(try options(service: "ExecStart=/bin/cat\nIgnoreSIGPIPE=no").execution.ignoreSIGPIPE == false)
    #expect(try options(service: "ExecStart=/bin/cat").execution.ignoreSIGPIPE)
    let classes: [(String, Int32?)] = [
      ("", nil), ("IOSchedulingClass=idle", 3 << 13), ("IOSchedulingPriority=6", 2 << 13 | 6),
      ("IOSchedulingClass=realtime\nIOSchedulingPriority=1", 1 << 13 | 1), ("IOSchedulingClass=none", 0),
    ]
    for (text, expected) in classes {
      #expect(try options(service: "ExecStart=/bin/cat\n\(text)").execution.ioPriority == expected, "\(text)")
    }
    #expect(try options(service: "ExecStart=/bin/cat\nStandardInput=socket").handover == .inetdWait)
    let plus = try #require(try options(service: "ExecStart=+/bin/cat").execution.start.first)
    #expect(plus.fullPrivileges && plus.isUnrestricted)
    let elevated = try #require(try options(service: "ExecStart=!/bin/cat").execution.start.first)
    #expect(elevated.fullPrivileges && !elevated.isUnrestricted)
  }

  @Test func wordsReachTheProgramAsTheyWereMeant() throws {
    let environment = "Environment=\"TWO=a b\" ONE=x EMPTY= 'SIGN=50%% $5'"
    let cases: [(String, [String])] = [
      ("plain 'in quotes' \"a 'b' c\" a\\x20b", ["plain", "in quotes", "a 'b' c", "a b"]),
      ("$TWO ${TWO} x${ONE}y $ONE", ["a", "b", "a b", "xxy", "x"]),
      ("$EMPTY ${EMPTY} $NONE end", ["", "end"]),
      ("$$ONE 5$$ 100%% %%s", ["$ONE", "5$", "100%", "%s"]),
      ("${SIGN}", ["50% $5"]),
      ("%{fd:web} a%{fd}b $ONE", ["3", "a3b", "x"]),
      ("%p %%{fd}", ["one", "%{fd}"]),
    ]
    for (words, expected) in cases {
      #expect(try arguments(words, environment: environment) == expected.map { "[\($0)]" }, "\(words)")
    }
  }
}
