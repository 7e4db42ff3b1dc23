import Foundation
import Testing

extension ServerTests {
  /// `torpor import`: units of systemd become units of ours, and nothing that is there is touched.
  @Suite struct ImportCommandTests {
    private static let installed = "/lib/systemd/system"

    /// A systemd's directory, and one of units.
    private struct Place {
      let directory: TemporaryDirectory
      var systemd: String { directory.path("systemd") }
      var units: String { directory.path("units") }

      init(_ files: [String: String]) throws {
        directory = try TemporaryDirectory()
        for (name, text) in files.merging(["nothing.target": ""], uniquingKeysWith: { first, _ in first }) {
          let path = directory.path("systemd/\(name)")
          try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
          try directory.write(text, to: "systemd/\(name)")
        }
      }

      func run(_ arguments: String..., from source: String? = nil) throws -> TorpordProcess.Ran {
        let process = try ChildProcess(
          [Binaries.built.torpor, "import", "--from", source ?? systemd, "--directory", units] + arguments)
        defer { process.killAndWait() }
        let status = process.waitForExit(within: .seconds(20))
        _ = process.output.waitForEnd(within: .seconds(5))
        _ = process.errors.waitForEnd(within: .seconds(5))
        return .init(status: status, output: process.output.all, errors: process.errors.text)
      }

      func text(_ name: String) -> String? { try? String(contentsOfFile: "\(units)/\(name)", encoding: .utf8) }

      /// All there is in the directory of units.
      var names: [String] {
        (FileManager.default.enumerator(atPath: units)?.compactMap { $0 as? String } ?? []).sorted()
      }

      func checked() throws -> ExitStatus? {
        let process = try ChildProcess([Binaries.built.torpor, "check", "--unit-path", units])
        defer { process.killAndWait() }
        return process.waitForExit(within: .seconds(20))
      }
    }

    private static let socket = "# kept\n[Socket]\nListenStream=127.0.0.1:8080\n"
    private static let service = "; kept, too\n[Service]\nExecStart=/bin/true\n"

    @Test func aPairAndItsDropInsAreCopiedAsTheyAre() throws {
      let place = try Place([
        "web.socket": Self.socket, "web.service": Self.service, "web.service.d/10-more.conf": "[Service]\nNice=5\n",
        "service.d/20-all.conf": "[Service]\nUMask=027\n",
      ])
      let ran = try place.run("web")
      #expect(ran.status == .exited(0) && ran.errors.isEmpty, "\(ran.errors)")
      #expect(
        place.names
          == ["web.service", "web.service.d", "web.service.d/10-more.conf", "web.service.d/20-all.conf", "web.socket"])
      #expect(place.text("web.socket") == Self.socket && place.text("web.service") == Self.service)
      #expect(ran.output.contains("\(place.units)/web.socket is written, from \(place.systemd)/web.socket"))
      #expect(ran.output.last == "'torpor reload' has torpord hold web")
      #expect(try place.checked() == .exited(0))
      // Once more: what says the same is left.
      let again = try place.run("web.socket")
      #expect(again.status == .exited(0))
      #expect(again.output.contains("\(place.units)/web.service is there already"))
    }

    @Test func whatIsThereIsNotTouched() throws {
      let place = try Place(["web.socket": Self.socket, "web.service": Self.service])
      try FileManager.default.createDirectory(atPath: place.units, withIntermediateDirectories: false)
      try place.directory.write("[Service]\nExecStart=/bin/false\n", to: "units/web.service")
      let ran = try place.run("web")
      #expect(ran.status == .exited(1))
      #expect(ran.errors.contains("'\(place.units)/web.service' is there already and says something else"))
      #expect(place.names == ["web.service"])
      #expect(place.text("web.service")?.contains("/bin/false") == true)
      try FileManager.default.removeItem(atPath: "\(place.units)/web.service")
      try place.directory.write("", to: "units/web.torpor")
      let hidden = try place.run("web")
      #expect(hidden.errors.contains("'\(place.units)/web.torpor' is there already, and would come first"))
    }

    @Test func aDryRunWritesNothing() throws {
      let place = try Place(["web.socket": Self.socket, "web.service": Self.service])
      let ran = try place.run("--dry-run", "web")
      #expect(ran.status == .exited(0))
      #expect(ran.output.first == "\(place.units)/web.socket would be written, from \(place.systemd)/web.socket")
      #expect(ran.output.last == "nothing was written" && place.names.isEmpty)
    }

    @Test func aServiceWithoutASocketIsGivenOne() throws {
      let place = try Place(["web.service": Self.service])
      let bare = try place.run("web")
      #expect(bare.status == .exited(2))
      #expect(bare.errors.contains("torpor: web.service has no socket: say with -l each address that it listens on"))
      #expect(place.names.isEmpty)
      #expect(try place.run("web", "-l", "127.0.0.1:8080", "-l", "/run/web.sock").status == .exited(0))
      #expect(
        place.text("web.socket")
          == """
          # For web.service, which has no socket unit of its own.
          [Socket]
          ListenStream=127.0.0.1:8080
          ListenStream=/run/web.sock

          """)
      #expect(try place.checked() == .exited(0))
      #expect(try place.run("web", "-l", "nonsense").status == .exited(2))
    }

    @Test func addressesAreForServicesWithoutASocket() throws {
      let place = try Place(["web.socket": Self.socket, "web.service": Self.service])
      let ran = try place.run("web", "-l", "127.0.0.1:1")
      #expect(ran.status == .exited(2) && ran.errors.contains("web.service has web.socket already"), "\(ran.errors)")
      #expect(try place.run("web", "other", "-l", "127.0.0.1:1").status == .exited(2))
    }

    @Test func whatSystemdStartsTooIsWarnedOf() throws {
      let place = try Place([
        "web.socket": Self.socket, "web.service": Self.service, "sockets.target.wants/web.socket": "",
      ])
      let ran = try place.run("web")
      #expect(ran.status == .exited(0))
      let link = "\(place.systemd)/sockets.target.wants/web.socket"
      #expect(ran.errors.contains("warning: systemd starts web, too (\(link))"))
      #expect(ran.errors.contains("systemctl disable --now web.service web.socket"))
    }

    @Test func whatWontApplyIsToldByTheCopysLines() throws {
      let place = try Place([
        "web.socket": Self.socket, "web.service": Self.service + "ProtectSystem=strict\n",
        "bad.socket": Self.socket, "bad.service": Self.service + "User=nobody-of-this-name\n",
      ])
      let ran = try place.run("web", "bad")
      #expect(ran.status == .exited(1))
      #expect(ran.errors.contains("\(place.units)/web.service:4:1: warning: 'ProtectSystem=' is not applied"))
      #expect(ran.errors.contains("User=nobody-of-this-name: there is no such user"))
      #expect(ran.errors.contains("torpor: bad is not imported, as torpord couldn't use it"))
      #expect(place.names == ["web.service", "web.socket"])
    }

    @Test func whatCantBeMeantIsNamed() throws {
      let place = try Place(["web@.service": Self.service])
      #expect(try place.run("missing").errors == "torpor: there is no missing.service in \(place.systemd)")
      // An init script, of which systemd makes a service by itself.
      let scripts = (try? FileManager.default.contentsOfDirectory(atPath: "/etc/init.d")) ?? []
      if let script = scripts.sorted().first(where: { !$0.contains(".") && !$0.hasPrefix("README") }) {
        let said = try place.run(script).errors
        #expect(said.contains("/etc/init.d/\(script) is an init script"), "\(said)")
        #expect(said.contains("torpor add \(script) -l"), "\(said)")
      }
      #expect(try place.run("missing").status == .exited(1))
      #expect(try place.run("web@").errors.contains("'web@' is a template: name an instance, such as web@main"))
      #expect(try place.run("/etc/passwd").status == .exited(2))
      try FileManager.default.createSymbolicLink(
        atPath: "\(place.systemd)/gone.service", withDestinationPath: "/dev/null")
      let masked = try place.run("gone")
      #expect(masked.status == .exited(1) && masked.errors.contains("gone.service is masked"), "\(masked.errors)")
    }

    @Test func aSecondNameIsTheSameService() throws {
      let place = try Place(["web.socket": Self.socket, "web.service": Self.service])
      try FileManager.default.createSymbolicLink(
        atPath: "\(place.systemd)/http.service", withDestinationPath: "\(place.systemd)/web.service")
      #expect(try place.run("http").status == .exited(0))
      #expect(place.names == ["web.service", "web.socket"])
    }

    /// What Debian's packages of the servers ship.
    struct Package: Sendable, CustomTestStringConvertible {
      let service: String
      /// [] where it has sockets of its own.
      let listen: [String]
      let files: [String]
      var testDescription: String { service }
    }

    private static var packages: [Package] {
      func plain(_ service: String, _ address: String) -> Package {
        Package(service: service, listen: ["-l", address], files: ["\(service).service", "\(service).socket"])
      }
      let all = [
        Package(
          service: "mariadb", listen: [], files: ["mariadb-extra.socket", "mariadb.service", "mariadb.socket"]),
        plain("redis-server", "127.0.0.1:6379"), plain("php8.2-fpm", "/run/php/php8.2-fpm.sock"),
        plain("memcached", "127.0.0.1:11211"), plain("nginx", "*:80"), plain("apache2", "*:80"),
        plain("haproxy", "*:80"), plain("lighttpd", "*:80"),
        Package(
          service: "postgresql@15-main", listen: ["-l", "127.0.0.1:5432"],
          files: ["postgresql@.service", "postgresql@15-main.socket"]),
      ]
      return all.filter { package in
        let file = package.files.first { $0.hasSuffix(".service") } ?? ""
        return FileManager.default.fileExists(atPath: "\(installed)/\(file)")
      }
    }

    @Test(arguments: packages)
    func installedPackagesAreImported(_ package: Package) throws {
      let place = try Place([:])
      if !package.listen.isEmpty {
        #expect(try place.run(package.service, from: Self.installed).status == .exited(2))
        #expect(place.names.isEmpty)
      }
      let process = try ChildProcess(
        [Binaries.built.torpor, "import", "--from", Self.installed, "--directory", place.units, package.service]
          + package.listen)
      defer { process.killAndWait() }
      #expect(process.waitForExit(within: .seconds(20)) == .exited(0), "\(process.errors.text)")
      #expect(place.names == package.files)
      for name in package.files {
        guard let original = try? String(contentsOfFile: "\(Self.installed)/\(name)", encoding: .utf8) else { continue }
        #expect(place.text(name) == original)
      }
      #expect(try place.checked() == .exited(0))
    }
  }
}
