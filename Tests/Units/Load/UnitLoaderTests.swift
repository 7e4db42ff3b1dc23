import Glibc
import Testing

@testable import Units

@Suite struct UnitLoaderTests: LoadedUnits {
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
}
