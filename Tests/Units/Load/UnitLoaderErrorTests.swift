import Glibc
import Testing

@testable import Units

/// What is wrong with units is told, and takes no more time or room than it has to.
@Suite struct UnitLoaderErrorTests: LoadedUnits {
  @Test func aBadUnitHarmsNoOther() {
    let set = load([
      "/etc/torpor/a.torpor": "[Socket\n", "/etc/torpor/b.torpor": socket + service, "/etc/torpor/c d.torpor": "",
    ])
    #expect(set["a"]?.isUsable == false && set["b"]?.isUsable == true)
    #expect(
      set.diagnostics.map(\.description) == [
        "/etc/torpor/c d.torpor:1:1: error: 'c d.torpor' is not a name that a unit can have (letters, digits and : - _ . \\ @)"
      ])
  }

  @Test func strictMakesMissingProtectionsErrors() {
    let texts = ["/etc/torpor/a.torpor": socket + service + "PrivateTmp=yes\nOOMPolicy=stop\n"]
    #expect(load(texts)["a"]?.diagnostics.map(\.severity) == [.warning, .warning])
    #expect(load(texts, isStrict: true)["a"]?.diagnostics.map(\.severity) == [.error, .warning])
  }

  @Test func unreadableFilesAreErrors() {
    var files = files(["/etc/torpor/web.socket": socket])
    files["/etc/torpor/web.service"] = .unreadable("Permission denied")
    let set = UnitLoader(files: files, directories: Self.directories).loadAll()
    #expect(
      set["web"]?.diagnostics.map(\.description) == [
        "/etc/torpor/web.socket:1:1: error: web.socket starts web.service, and /etc/torpor/web.service can't be read: Permission denied"
      ])
  }

  /// What only the whole unit shows.
  @Test(arguments: [
    ("[Service]\nExecStart=/a\n", "test.torpor listens on nothing"),
    ("[Socket]\nListenStream=1\n", "test has no command"),
    (
      "[Socket]\nListenStream=1\n[Service]\nExecStart=/a\nExecStart=/b\n",
      "5:11: error: only Type=oneshot may have more"
    ),
    (
      "[Socket]\nListenDatagram=1\nAccept=yes\n[Service]\nExecStart=/a\n",
      "3:8: error: Accept=yes needs sockets that have"
    ),
    ("[Socket]\nListenStream=1\nSymlinks=/x\n[Service]\nExecStart=/a\n", "Symlinks= needs exactly one path"),
    (
      "[Socket]\nListenStream=1\nService=x.service\n[Service]\nExecStart=/a\n",
      "'Service=' has no place in a .torpor file"
    ),
    (
      "[Socket]\nListenStream=1\n[Service]\nType=oneshot\nRestart=always\nExecStart=/a\n",
      "can't be combined with Restart=always"
    ),
    (
      "[Socket]\nListenStream=1\n[Service]\nType=oneshot\nRestartForceExitStatus=3\nExecStart=/a\n",
      "can't be combined with RestartForceExitStatus="
    ),
    ("[Socket]\nListenStream=1\n[Service]\nExecStart=/a\n[X-Idle]\nHandover=relay\n", "needs RelayTo="),
    ("[Socket]\nListenStream=1\n[Service]\nExecStart=/a\n[X-Idle]\nRelayTo=81\n", "RelayTo= needs Handover=relay"),
    ("[Socket]\nListenStream=/s\n[Service]\nExecStart=/a\n[X-Idle]\nHandover=relay\nRelayTo=/s\n", "relayed to itself"),
    (
      "[Socket]\nListenStream=1\n[Service]\nExecStart=/a\n[X-Idle]\nHandover=inetd\n", "Handover=inetd needs Accept=yes"
    ),
    (
      "[Socket]\nListenStream=1\nListenStream=2\n[Service]\nExecStart=/a\n[X-Idle]\nHandover=inetd-wait\n",
      "and there are 2"
    ),
    (
      "[Socket]\nListenStream=1\nListenStream=2\n[Service]\nExecStart=/a %{fd}\n",
      "%{fd} means one socket, and there are 2"
    ),
    (
      "[Socket]\nListenStream=1\nFileDescriptorName=web\n[Service]\nExecStart=/a %{fd:wob}\n",
      "FileDescriptorName= says 'web'"
    ),
  ])
  func whatDoesNotFitTogetherIsAnError(_ text: String, _ message: String) throws {
    let unit = try #require(load(["/etc/torpor/test.torpor": text])["test"])
    #expect(unit.diagnostics.count == 1 && unit.diagnostics[0].isError)
    #expect(unit.diagnostics[0].description.contains(message), "\(unit.diagnostics)")
  }

  @Test(arguments: [
    ("[Socket]\nListenStream=1\nAccept=yes\n[Service]\nExecStart=/a\n[X-Idle]\nRest=freeze\n", "none is frozen"),
    (
      "[Socket]\nListenStream=1\n[Service]\nExecStart=/a\n[X-Idle]\nStopAfterFrozenSec=1h\n",
      "6:20: warning: it is never frozen without Rest=freeze"
    ),
  ])
  func whatHasNoEffectIsAWarning(_ text: String, _ message: String) throws {
    let unit = try #require(load(["/etc/torpor/test.torpor": text])["test"])
    #expect(unit.diagnostics.count == 1 && unit.diagnostics[0].severity == .warning)
    #expect(unit.diagnostics[0].description.contains(message), "\(unit.diagnostics)")
  }

  /// No file takes time that grows with its square: that would be minutes.
  @Test(arguments: [
    "x\n", "Colour=blue\n", "Environment=A=1\n", "[A]\n", "ExecStart=/a\n", "ExecStart=\n", "ListenStream=1\n",
    "numbered",
  ])
  func filesThatAreAllOneLineAreReadQuickly(_ line: String) throws {
    let numbered = (0..<20000).map { "Environment=A\($0)=1\n" }.joined()
    let lines = line == "numbered" ? numbered : String(repeating: line, count: (1 << 18) / line.utf8.count)
    let start = clock()
    let unit = try #require(load(["/etc/torpor/a.torpor": "[Service]\n" + lines])["a"])
    #expect(unit.diagnostics.count <= UnitSyntax.diagnosticsMax + FragmentReader.diagnosticsMax + 2)
    #expect(Double(clock() - start) / Double(CLOCKS_PER_SEC) < 20)
  }

  @Test func tooManyErrorsAreNotAllTold() throws {
    let unit = try #require(load(["/etc/torpor/a.torpor": "[Socket]\n" + String(repeating: "x\n", count: 200)])["a"])
    #expect(unit.diagnostics.count == 101)
    #expect(
      unit.diagnostics.last?.description
        == "/etc/torpor/a.torpor:102:1: error: there are too many errors: the rest of this file is not read")
  }

  @Test func aPairOfFilesIsReadOnce() {
    let files = CountingFiles(files: files(["/etc/torpor/web.socket": socket, "/etc/torpor/web.service": service]))
    _ = UnitLoader(files: files, directories: Self.directories).loadAll()
    #expect(files.count.reads == 2 && files.count.lists == 3)
  }

  /// In a debug build this is some ten times slower than in a release build; what it guards against is slower still.
  @Test func tenThousandUnitsAreReadQuickly() {
    var files = MemoryFiles()
    for number in 0..<10000 {
      files.set("/etc/torpor/s\(number).socket", "[Socket]\nListenStream=127.0.0.1:\(number + 1)\n")
      files.set(
        "/etc/torpor/s\(number).service",
        "[Unit]\nAfter=x\n[Service]\nExecStart=/bin/x --port \(number)\nUser=nobody\n[X-Idle]\nTimeoutSec=1h\n")
    }
    let start = clock()
    let set = UnitLoader(files: files, directories: Self.directories, keepsNotes: false).loadAll()
    let seconds = Double(clock() - start) / Double(CLOCKS_PER_SEC)
    #expect(set.units.count == 10000 && set.units.allSatisfy { $0.diagnostics.isEmpty })
    #expect(seconds < 20, "CPU time: \(seconds) s")
  }
}

private struct CountingFiles: UnitFiles {
  final class Count {
    var reads = 0
    var lists = 0
  }

  let files: MemoryFiles
  let count = Count()

  func list(_ directory: String) -> [String]? {
    count.lists += 1
    return files.list(directory)
  }

  func read(_ path: String) -> UnitFileContents {
    count.reads += 1
    return files.read(path)
  }
}
