import Glibc
import Testing

@testable import Units

@Suite struct UnitLoaderTests {
  private static let directories = ["/etc/torpor", "/run/torpor", "/usr/lib/torpor"]

  private func load(_ texts: [String: String], isStrict: Bool = false) -> UnitSet {
    UnitLoader(files: files(texts), directories: Self.directories, isStrict: isStrict).loadAll()
  }

  private func files(_ texts: [String: String]) -> MemoryFiles {
    var files = MemoryFiles()
    for (path, text) in texts { files.set(path, text) }
    return files
  }

  private let socket = "[Socket]\nListenStream=80\n"
  private let service = "[Service]\nExecStart=/bin/web\n"

  @Test func aSocketAndItsServiceAreAUnit() throws {
    let set = load(["/etc/torpor/web.socket": socket, "/etc/torpor/web.service": service])
    let unit = try #require(set["web"])
    #expect(set.units.count == 1 && unit.isUsable && unit.diagnostics == [])
    #expect(unit.files == ["/etc/torpor/web.socket", "/etc/torpor/web.service"])
    #expect(unit.socket.listen.map(\.description) == ["80"] && unit.socket.descriptorName == "web.socket")
    #expect(unit.service.execStart.map(\.path) == ["/bin/web"])
    #expect(unit.handover == .auto)
  }

  @Test func oneFileIsAUnit() throws {
    let set = load(["/etc/torpor/web.torpor": "\(socket)\(service)[X-Idle]\nTimeoutSec=5min\n"])
    let unit = try #require(set["web"])
    #expect(unit.isUsable && unit.idle.timeout == .seconds(300) && unit.socket.descriptorName == "web.torpor")
  }

  @Test func idleMayStandInEitherFile() throws {
    let set = load([
      "/etc/torpor/web.socket": socket + "[X-Idle]\nTimeoutSec=5min\nConnections=active\n",
      "/etc/torpor/web.service": service + "[X-Idle]\nTimeoutSec=6min\n",
    ])
    let unit = try #require(set["web"])
    #expect(unit.idle.timeout == .seconds(360) && unit.idle.connections == .active && unit.diagnostics == [])
  }

  @Test func earlierDirectoriesHideLaterOnes() throws {
    let set = load([
      "/usr/lib/torpor/web.torpor": socket + service, "/etc/torpor/web.torpor": "[Socket]\nListenStream=81\n\(service)",
    ])
    let unit = try #require(set["web"])
    #expect(unit.socket.listen.map(\.description) == ["81"])
    #expect(unit.shadowed == ["/usr/lib/torpor/web.torpor"])
  }

  @Test func dropInsChangeAUnitInTheOrderOfTheirNames() throws {
    let set = load([
      "/usr/lib/torpor/web-a-b.torpor": socket + service,
      "/usr/lib/torpor/web-a-b.torpor.d/50-x.conf": "[X-Idle]\nTimeoutSec=1min\n",
      "/etc/torpor/web-a-b.torpor.d/10-x.conf": "[X-Idle]\nTimeoutSec=2min\nConnections=active\n",
      "/run/torpor/web-a-b.torpor.d/50-x.conf": "[X-Idle]\nTimeoutSec=3min\n",
      "/etc/torpor/web-.torpor.d/60.conf": "[Service]\nNice=1\n",
      "/etc/torpor/web-a-.torpor.d/60.conf": "[Service]\nNice=2\n",
      "/etc/torpor/torpor.d/60.conf": "[Service]\nNice=3\n", "/etc/torpor/torpor.d/70.conf": "[Service]\nUMask=077\n",
      "/etc/torpor/web-a-b.torpor.d/readme.txt": "nonsense",
    ])
    let unit = try #require(set["web-a-b"])
    #expect(unit.diagnostics == [])
    #expect(unit.idle.timeout == .seconds(180) && unit.idle.connections == .active)
    #expect(unit.service.execution.nice == 2 && unit.service.execution.umask == 0o77)
    #expect(
      unit.files == [
        "/usr/lib/torpor/web-a-b.torpor", "/etc/torpor/web-a-b.torpor.d/10-x.conf",
        "/run/torpor/web-a-b.torpor.d/50-x.conf", "/etc/torpor/web-a-.torpor.d/60.conf", "/etc/torpor/torpor.d/70.conf",
      ])
    #expect(
      unit.shadowed.sorted() == [
        "/etc/torpor/torpor.d/60.conf", "/etc/torpor/web-.torpor.d/60.conf",
        "/usr/lib/torpor/web-a-b.torpor.d/50-x.conf",
      ])
  }

  @Test func dropInsResetLists() throws {
    let set = load([
      "/etc/torpor/web.socket": socket, "/etc/torpor/web.service": service,
      "/etc/torpor/web.socket.d/a.conf": "[Socket]\nListenStream=\nListenStream=8080\n",
      "/etc/torpor/web.service.d/a.conf": "[Service]\nExecStart=\nExecStart=/bin/other\n",
    ])
    let unit = try #require(set["web"])
    #expect(unit.socket.listen.map(\.description) == ["8080"] && unit.service.execStart.map(\.path) == ["/bin/other"])
  }

  @Test func severalSocketsCanHaveOneService() throws {
    let set = load([
      "/etc/torpor/admin.socket": "[Socket]\nListenStream=81\nService=web.service\nFileDescriptorName=admin\n",
      "/etc/torpor/web.socket": socket,
      "/etc/torpor/web.service": "[Service]\nExecStart=/bin/web %{fd:web.socket} %{fd:admin}\nSockets=admin.socket\n",
    ])
    let unit = try #require(set["web"])
    #expect(set.units.count == 1 && unit.diagnostics == [])
    #expect(unit.sockets.map(\.unitName) == ["web.socket", "admin.socket"])
  }

  @Test func aServiceMayNameItsSockets() throws {
    let set = load([
      "/etc/torpor/a.socket": socket, "/etc/torpor/b.socket": "[Socket]\nListenStream=81\n",
      "/etc/torpor/web.service": service + "Sockets=a.socket b.socket\n",
      "/etc/torpor/alone.service": service,
    ])
    #expect(set.units.map(\.name) == ["web"] && set.services == ["alone.service"])
    #expect(set["web"]?.sockets.map(\.unitName) == ["a.socket", "b.socket"])
    #expect(set["web"]?.diagnostics == [])
  }

  @Test func aServiceWithASocketOfItsOwnMayNameFurtherOnes() throws {
    let set = load([
      "/etc/torpor/web.socket": socket, "/etc/torpor/web.service": service + "Sockets=a.socket b.socket c.socket\n",
      "/etc/torpor/a.socket": "[Socket]\nListenStream=81\n", "/etc/torpor/b.socket": "[Socket]\nListenStream=82\n",
      "/etc/torpor/b.service": service,
    ])
    #expect(set.units.map(\.name) == ["b", "web"])
    let unit = try #require(set["web"])
    #expect(unit.sockets.map(\.unitName) == ["web.socket", "a.socket"])
    #expect(
      unit.diagnostics.map(\.message)
        == ["b", "c"].map {
          "Sockets=\($0).socket has no effect: there is no such socket unit, or it starts a service of its own"
        })
  }

  @Test func socketsMayNameTheServiceOfATorporFile() throws {
    let set = load([
      "/etc/torpor/web.torpor": "[Service]\nExecStart=/bin/web\n[X-Idle]\nTimeoutSec=1h\n",
      "/etc/torpor/admin.socket": "[Socket]\nListenStream=81\nService=web.service\n[X-Idle]\nConnections=active\n",
    ])
    let unit = try #require(set["web"])
    #expect(unit.diagnostics == [] && unit.sockets.map(\.unitName) == ["admin.socket"])
    #expect(unit.idle.connections == .active && unit.idle.timeout == .seconds(3600))
  }

  @Test func templatesBecomeUnitsByInstances() throws {
    var files = files([
      "/etc/torpor/web@.torpor": "[Socket]\nListenStream=/run/%i.sock\n[Service]\nExecStart=/bin/web %I\n",
      "/etc/torpor/web@.torpor.d/a.conf": "[Service]\nNice=5\n",
      "/etc/torpor/web@b.torpor.d/b.conf": "[Service]\nUMask=0\n",
      "/etc/torpor/web@c.torpor": "[Socket]\nListenStream=/own\n[Service]\nExecStart=/bin/own\n",
    ])
    files["/etc/torpor/web@b.torpor"] = .alias(of: "web@.torpor")
    let loader = UnitLoader(files: files, directories: Self.directories)
    let set = loader.loadAll()
    #expect(set.templates == ["web@.torpor"] && set.units.map(\.name) == ["web@b", "web@c"])
    let linked = try #require(set["web@b"])
    #expect(linked.instance == "b" && linked.service.execution.nice == 5 && linked.service.execution.umask == 0)
    #expect(linked.socket.listen.map(\.description) == ["/run/b.sock"])
    #expect(set["web@c"]?.service.execStart.map(\.path) == ["/bin/own"])
    let other = try #require(loader.load(#"web@x\x20y"#))
    #expect(other.service.execStart[0].words == ["/bin/web", "x y"] && other.isUsable)
    #expect(loader.load("web@") == nil && loader.load("other") == nil)
  }

  @Test func acceptTakesTheTemplate() throws {
    let set = load([
      "/etc/torpor/echo.socket": "[Socket]\nListenStream=7\nAccept=yes\n",
      "/etc/torpor/echo@.service": "[Service]\nExecStart=-/bin/cat\nStandardInput=socket\n",
    ])
    let unit = try #require(set["echo"])
    #expect(unit.diagnostics == [] && unit.handover == .inetd && unit.service.execStart[0].ignoresFailure)
    let named = load([
      "/etc/torpor/echo.socket": "[Socket]\nListenStream=7\nAccept=yes\n",
      "/etc/torpor/echo@.service": "[Service]\nExecStart=/bin/cat %i\n",
    ])
    #expect(
      named["echo"]?.diagnostics.map(\.description) == [
        "/etc/torpor/echo@.service:2:20: error: ExecStart=: '%i' (instance) is not known here"
      ])
  }

  @Test func maskedUnitsAreNone() {
    var files = files([
      "/usr/lib/torpor/web.torpor": socket + service, "/usr/lib/torpor/db.socket": socket,
      "/usr/lib/torpor/db.service": service,
    ])
    files["/etc/torpor/web.torpor"] = .masked
    files["/etc/torpor/db.service"] = .bytes([])
    let set = UnitLoader(files: files, directories: Self.directories).loadAll()
    #expect(set.masked == ["web.torpor"])
    #expect(
      set["db"]?.diagnostics.map(\.description) == [
        "/usr/lib/torpor/db.socket:1:1: error: db.socket starts db.service, which is masked"
      ])
  }

  @Test func linksAreSecondNames() {
    var files = files(["/etc/torpor/redis-server.torpor": socket + service])
    files["/etc/torpor/redis.torpor"] = .alias(of: "redis-server.torpor")
    files["/etc/torpor/lost.torpor"] = .alias(of: "gone.torpor")
    let set = UnitLoader(files: files, directories: Self.directories).loadAll()
    #expect(set.units.map(\.name) == ["redis-server"])
    #expect(set.aliases == ["redis.torpor": "redis-server.torpor", "lost.torpor": "gone.torpor"])
    #expect(
      set.diagnostics.map(\.description) == [
        "/etc/torpor/lost.torpor:1:1: error: this is a link to 'gone.torpor', which isn't there"
      ])
  }

  @Test func oneFileHidesThePair() throws {
    let set = load([
      "/etc/torpor/web.torpor": socket + service, "/etc/torpor/web.socket": socket, "/etc/torpor/web.service": service,
    ])
    #expect(
      set["web"]?.diagnostics.map(\.description) == [
        "/etc/torpor/web.torpor:1:1: warning: /etc/torpor/web.socket is not read, as this file has both of its parts",
        "/etc/torpor/web.torpor:1:1: warning: /etc/torpor/web.service is not read, as this file has both of its parts",
      ])
    let pair = load([
      "/run/torpor/web.torpor": socket + service, "/etc/torpor/web.socket": socket, "/etc/torpor/web.service": service,
    ])
    #expect(pair["web"]?.files.first == "/etc/torpor/web.socket")
    #expect(pair["web"]?.shadowed == ["/run/torpor/web.torpor"])
    #expect(
      pair["web"]?.diagnostics.map(\.description) == [
        "/etc/torpor/web.socket:1:1: warning: /run/torpor/web.torpor is not read, as this file is in an earlier directory"
      ])
  }

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

  @Test func howItRestsIsRead() throws {
    let text =
      "[Socket]\nListenStream=1\n[Service]\nExecStart=/a\n[X-Idle]\nRest=freeze\nStopAfterFrozenSec=1h 30s\n"
    let unit = try #require(load(["/etc/torpor/test.torpor": text])["test"])
    #expect(unit.diagnostics.isEmpty)
    #expect(unit.idle.rest == .freeze)
    #expect(unit.idle.stopAfterFrozen == .seconds(3630))
  }

  @Test func theOrderIsThatOfTheNames() {
    var texts: [String: String] = [:]
    for name in ["b", "a-1", "a", "B", "a@x"] { texts["/etc/torpor/\(name).torpor"] = socket + service }
    #expect(load(texts).units.map(\.name) == ["B", "a", "a-1", "a@x", "b"])
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
