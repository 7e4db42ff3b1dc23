import Foundation
import Testing

extension ServerTests {
  /// `make install`, as a package's build would call it: below a DESTDIR, by whoever.
  @Suite struct InstallTests {
    private static let project = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().path

    private func make(_ target: String, _ destination: String, prefix: String) throws {
      try Tool.run([
        // A user's umask is no reason for programs that others can't run.
        "sh", "-c", "umask 077; exec make --no-print-directory -C \"$@\"", "sh", Self.project, target,
        "DESTDIR=\(destination)", "PREFIX=\(prefix)", "BUILT=\(Binaries.built.directory)",
      ])
    }

    private func files(below directory: String) -> [String] {
      let all = FileManager.default.enumerator(atPath: directory)?.compactMap { $0 as? String } ?? []
      return all.filter {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: "\(directory)/\($0)", isDirectory: &isDirectory)
          && !isDirectory.boolValue
      }.sorted()
    }

    @Test(arguments: ["/usr", "/usr/local"])
    func everythingIsInstalledAndRemovedAgain(prefix: String) throws {
      let place = try TemporaryDirectory()
      try make("install", place.path, prefix: prefix)
      let root = place.path + prefix
      let found = files(below: place.path)
      #expect(found.allSatisfy { $0.hasPrefix(prefix.dropFirst()) })
      let wanted = [
        "bin/torpor", "bin/torpord", "lib/systemd/system/torpord.service", "lib/systemd/user/torpord.service",
        "share/man/man1/torpor.1", "share/man/man5/torpor.unit.5",
        "share/man/man8/torpord.8", "share/doc/torpor/LICENSE",
        "share/doc/torpor/examples/units/redis-server.torpor", "share/torpor/checks/mariadb",
        "share/torpor/checks/postgres",
        "share/torpor/checks/redis", "share/bash-completion/completions/torpor",
        "share/bash-completion/completions/torpord", "share/zsh/site-functions/_torpor",
        "share/zsh/site-functions/_torpord", "share/fish/vendor_completions.d/torpor.fish",
        "share/fish/vendor_completions.d/torpord.fish",
      ]
      let names = Set(found.map { String($0.dropFirst(prefix.count)) })
      #expect(wanted.filter { !names.contains($0) } == [])
      for name in found {
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(place.path)/\(name)")
        let mode = attributes[.posixPermissions] as? Int
        #expect(mode == (name.contains("/bin/") || name.contains("/checks/") ? 0o755 : 0o644), "\(name)")
        #expect((attributes[.size] as? Int ?? 0) > 0, "\(name)")
      }
      for program in ["torpor", "torpord"] {
        let version = try Tool.run(["\(root)/bin/\(program)", "--version"])
        #expect(version.isEmpty == false)
        try Tool.run(["bash", "-n", "\(root)/share/bash-completion/completions/\(program)"])
      }
      // What they say of where they are is true, so that it can be copied.
      for name in names where name.hasPrefix("share/torpor/checks/") || name.hasSuffix("units/README.md") {
        let text = try String(contentsOfFile: "\(root)/\(name)", encoding: .utf8)
        #expect(text.contains("\(prefix)/share/"), "\(name)")
        #expect(text.replacing("\(prefix)/share/", with: "").contains("/usr/share/") == false, "\(name)")
      }
      for unit in ["system", "user"] {
        let text = try String(contentsOfFile: "\(root)/lib/systemd/\(unit)/torpord.service", encoding: .utf8)
        #expect(text.contains("\nExecStart=\(prefix)/bin/torpord"))
        #expect(text.contains("DESTDIR") == false)
      }
      try make("uninstall", place.path, prefix: prefix)
      #expect(files(below: place.path) == [])
    }

    @Test(
      .enabled(if: Machine.find("systemd-analyze") != nil, "there is no systemd-analyze here"),
      arguments: ["system", "user"])
    func systemdTakesOurOwnUnits(kind: String) throws {
      let place = try TemporaryDirectory()
      try make("install", place.path, prefix: "/usr")
      // It looks for the program of ExecStart= where it will be.
      let file = "\(place.path)/usr/lib/systemd/\(kind)/torpord.service"
      let text = try String(contentsOfFile: file, encoding: .utf8)
        .replacing("/usr/bin/torpord", with: "\(place.path)/usr/bin/torpord")
      let unit = try place.write(text, to: "torpord.service")
      let said = try Tool.run(
        ["systemd-analyze", "verify", "--man=no", "--\(kind)", unit], environment: ["XDG_RUNTIME_DIR": place.path])
      // Of other units on this machine it may say what it likes.
      #expect(said.split(separator: "\n").filter { $0.contains("torpord") } == [])
    }
  }
}
