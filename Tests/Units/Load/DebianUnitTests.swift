import Testing
import Units

/// Unit files that Debian's packages ship, as they are installed here.
@Suite struct DebianUnitTests {
  @Test func dump() {
    var disk = Disk()
    let dir = "/lib/systemd/system"
    let names = disk.list(dir) ?? []
    for n in names where n.hasSuffix(".service") && !n.contains("@") {
      let stem = n.dropLast(8)
      if !names.contains("\(stem).socket") {
        disk.made.set("/etc/torpor/\(stem).socket", "[Socket]\nListenStream=/run/\(stem).sock\n")
      }
    }
    var sp = Specifiers.system
    for l in "abHlmvoq" { sp[l] = "X" }
    let set = UnitLoader(files: disk, directories: ["/etc/torpor", dir], specifiers: sp).loadAll()
    for u in set.units {
      print("==", u.name, u.files, u.sockets.map(\.listen));
      for d in u.diagnostics where d.severity != .note { print(d.isError ? d.rendered : d.description) }
    }
    print(set.masked, set.templates, set.services, set.aliases, set.diagnostics)
  }
}
