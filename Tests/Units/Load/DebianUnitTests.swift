import Testing

@testable import Units

/// The unit files that Debian's packages of the servers ship, as they are installed here. A service without a socket of its own
/// is given one, as an administrator would.
@Suite struct DebianUnitTests {
  struct Package: Sendable, CustomTestStringConvertible {
    let service: String
    /// Keys that are warned of, in their order.
    let warnings: String
    var testDescription: String { service }
  }

  private static let directory = "/lib/systemd/system"

  private static let packages = [
    Package(
      service: "mariadb", warnings: "AmbientCapabilities ProtectSystem ProtectControlGroups ProtectHome TasksMax"),
    Package(service: "apache2", warnings: "PrivateTmp OOMPolicy"),
    Package(service: "php8.2-fpm", warnings: ""),
    Package(
      service: "memcached",
      warnings: """
        PrivateTmp ProtectSystem PrivateDevices CapabilityBoundingSet RestrictAddressFamilies MemoryDenyWriteExecute \
        ProtectKernelModules ProtectKernelTunables ProtectControlGroups RestrictRealtime RestrictNamespaces
        """),
    Package(
      service: "redis-server",
      warnings: """
        PrivateTmp PrivateDevices ProtectHome ProtectSystem CapabilityBoundingSet \
        LockPersonality MemoryDenyWriteExecute PrivateUsers ProtectClock ProtectControlGroups \
        ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables ProtectProc RemoveIPC \
        RestrictAddressFamilies RestrictNamespaces RestrictRealtime RestrictSUIDSGID SystemCallArchitectures \
        SystemCallFilter SystemCallFilter NoExecPaths
        """),
    Package(service: "postgresql@15-main", warnings: "RequiresMountsFor PartOf ReloadPropagatedFrom"),
    Package(service: "nginx", warnings: ""), Package(service: "haproxy", warnings: "BindReadOnlyPaths"),
    Package(service: "lighttpd", warnings: ""), Package(service: "dnsmasq", warnings: ""),
    Package(service: "rsync", warnings: "ProtectSystem PrivateDevices"),
    Package(
      service: "systemd-hostnamed",
      warnings: """
        BusName CapabilityBoundingSet IPAddressDeny LockPersonality MemoryDenyWriteExecute PrivateDevices PrivateNetwork \
        PrivateTmp ProtectProc ProtectControlGroups ProtectHome ProtectKernelLogs ProtectKernelModules \
        ProtectKernelTunables ProtectSystem RestrictAddressFamilies RestrictNamespaces RestrictRealtime \
        RestrictSUIDSGID SystemCallArchitectures SystemCallErrorNumber SystemCallFilter
        """),
    Package(service: "dbus", warnings: ""),
    Package(service: "ssh", warnings: ""),
  ]

  private static var installed: [Package] {
    let names = Set(Disk().list(directory) ?? [])
    return packages.filter { package in
      let name = UnitName("\(package.service).service")
      return names.contains(name?.template?.description ?? name?.description ?? "")
    }
  }

  private func load(_ service: String) -> Unit? {
    var disk = Disk()
    if disk.list(Self.directory)?.contains("\(service).socket") != true {
      disk.made.set("/etc/torpor/\(service).socket", "[Socket]\nListenStream=/run/%N.sock\n")
    }
    return UnitLoader(files: disk, directories: ["/etc/torpor", Self.directory]).load(service)
  }

  @Test(arguments: installed)
  func areReadWithoutErrors(_ package: Package) throws {
    let unit = try #require(load(package.service))
    #expect(unit.diagnostics.filter(\.isError) == [])
    let keys = unit.diagnostics.filter { $0.severity == .warning }.map { diagnostic in
      String(diagnostic.message.split(separator: "=")[0].dropFirst())
    }
    #expect(keys.joined(separator: " ") == package.warnings)
    #expect(!unit.service.execStart.isEmpty && unit.files.count >= 2)
  }

  @Test(.enabled(if: installed.contains { $0.service == "mariadb" }, "mariadb-server isn't installed"))
  func mariadbIsWhatItSays() throws {
    let unit = try #require(load("mariadb"))
    #expect(unit.sockets.map(\.unitName) == ["mariadb.socket", "mariadb-extra.socket"])
    #expect(unit.socket.listen.map(\.description) == ["@mariadb", "/run/mysqld/mysqld.sock", "3306"])
    #expect(unit.socket.socketUser == "mysql" && unit.socket.socketMode == 0o777)
    let service = unit.service
    #expect(service.kind == .notify && service.restart == .onAbnormal && service.restartDelay == .seconds(5))
    #expect(service.timeoutStart == .seconds(900) && service.killing.sendsKill == false)
    #expect(service.execStartPost.map(\.privileges) == [.elevated])
    #expect(service.execStart.first?.arguments.count == 3)
    #expect(service.execution.user == "mysql" && service.execution.umask == 0o007)
    #expect(service.execution.limits[.openFiles] == ResourceLimit(soft: 32768, hard: 32768))
    #expect(service.execution.environmentFiles == [.init(path: "/run/mariadb-wsrep-new-cluster", isOptional: true)])
  }

  @Test(.enabled(if: installed.contains { $0.service.hasPrefix("postgresql@") }, "postgresql isn't installed"))
  func postgresqlsInstanceIsFilledIn() throws {
    let service = try #require(load("postgresql@15-main")).service
    #expect(service.kind == .forking && service.pidFile == "/run/postgresql/15-main.pid")
    #expect(
      service.execStart.map(\.words) == [["/usr/bin/pg_ctlcluster", "--skip-systemctl-redirect", "15-main", "start"]])
    #expect(service.execStart[0].ignoresFailure && service.timeoutStart == nil && service.timeoutStop == .seconds(3600))
  }

  /// What systemd itself ships has some that we can't hold: each is told, and nothing worse.
  @Test(.enabled(if: !(Disk().list(directory) ?? []).isEmpty, "no unit files are installed"))
  func everyInstalledUnitIsReadOrToldOf() {
    var disk = Disk()
    for name in disk.list(Self.directory) ?? [] {
      guard let unit = UnitName(name), unit.kind == .service, !unit.isTemplate else { continue }
      let socket = unit.with(kind: .socket).description
      if disk.read("\(Self.directory)/\(socket)") == .missing {
        disk.made.set("/etc/torpor/\(socket)", "[Socket]\nListenStream=/run/%N.sock\n")
      }
    }
    let set = UnitLoader(files: disk, directories: ["/etc/torpor", Self.directory]).loadAll()
    #expect(set.diagnostics == [])
    #expect(set.units.filter(\.isUsable).count > set.units.count / 2)
    for diagnostic in set.units.flatMap(\.diagnostics) {
      #expect(
        !diagnostic.message.contains("is not a key") && !diagnostic.message.contains("is not known and"),
        "\(diagnostic)")
    }
  }
}
