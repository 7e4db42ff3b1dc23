import Linux
import Units

/// The units of a systemd, as its files are.
struct SystemdUnits {
  private let directories: [String]
  private let set: UnitSet

  init(_ directories: [String]) {
    self.directories = directories
    set = UnitLoader(files: DiskFiles(), directories: directories, keepsNotes: false).loadAll()
  }

  /// Where it looks for them (systemd.unit(5)).
  static func path(_ settings: ManagerSettings) -> [String] {
    let kind = settings.isSystem ? "system" : "user"
    let own = settings.isSystem ? [] : DirectoryRoots.user(variable: Launcher.variable).map { [$0.configuration] } ?? []
    return own.map { "\($0)/systemd/user" }
      + ["/etc", "/run", "/usr/local/lib", "/lib", "/usr/lib"].map { "\($0)/systemd/\(kind)" }
  }

  /// What a name means: a service, whatever its socket or another name of it was said.
  func service(named text: String) throws(ServiceError) -> UnitName {
    guard var name = UnitName(text) ?? UnitName("\(text).service"), name.kind != .torpor else {
      throw ServiceError(
        "'\(text)' isn't a service or socket of systemd's; for files elsewhere name their directory with --from",
        exitCode: 2)
    }
    guard !name.isTemplate else {
      throw ServiceError("'\(text)' is a template: name an instance, such as \(name.prefix)@main", exitCode: 2)
    }
    // A chain of links: systemd makes no longer ones.
    for _ in 0..<8 {
      guard let other = set.aliases[name.description].flatMap({ UnitName($0) }) else { break }
      name = other
    }
    if name.kind == .socket {
      let socket = name.description
      let owner = set.units.first { unit in unit.sockets.contains { $0.unitName == socket } }
      guard let unit = owner ?? unit(name.stem) else { throw missing(socket) }
      return UnitName("\(unit.name).service") ?? name.with(kind: .service)
    }
    guard !set.masked.contains(name.description) else {
      throw ServiceError("\(name) is masked: nobody is to start it")
    }
    guard set[name.stem] != nil || set.services.contains(name.description) || hasTemplate(name) else {
      throw missing(name.description)
    }
    return name
  }

  private func missing(_ name: String) -> ServiceError {
    let stem = UnitName(name)?.stem ?? name
    // systemd makes a service of it by itself, so that systemctl(1) knows one of that name.
    let script = "/etc/init.d/\(stem)"
    let hint =
      ProcessFiles.exists(script)
      ? "; \(script) is an init script and no unit: write one for its server in the foreground, "
        + "torpor add \(stem) -l ADDRESS -- COMMAND" : ""
    return ServiceError("there is no \(name) in \(directories.joined(separator: ", "))\(hint)")
  }

  private func hasTemplate(_ name: UnitName) -> Bool {
    guard let template = name.template else { return false }
    let files = DiskFiles()
    return directories.contains { files.read("\($0)/\(template)") != .missing }
  }

  /// A service with its sockets; nil: it has none.
  func unit(_ name: String) -> Unit? {
    set[name] ?? UnitLoader(files: DiskFiles(), directories: directories, keepsNotes: false).load(name)
  }

  /// A service with a socket that isn't there yet.
  func unit(_ name: String, with socket: String, at path: String) -> Unit? {
    var files = Overlay()
    files.made.set(path, socket)
    let directory = String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.endIndex))
    return UnitLoader(files: files, directories: [directory] + directories, keepsNotes: false).load(name)
  }

  /// The links by which systemd starts one of these at the boot.
  func enablements(of names: [String]) -> [String] {
    let files = DiskFiles()
    return directories.flatMap { directory in
      ((try? files.list(directory)) ?? []).filter { $0.hasSuffix(".wants") || $0.hasSuffix(".requires") }.sorted()
        .flatMap { group in
          ((try? files.list("\(directory)/\(group)")) ?? []).filter { names.contains($0) }.sorted()
            .map { "\(directory)/\(group)/\($0)" }
        }
    }
  }

  /// A file before those of the disk, whose directory counts as otherwise empty.
  private struct Overlay: UnitFiles {
    var made = MemoryFiles()
    func list(_ directory: String) throws(UnreadableDirectory) -> [String]? {
      if let names = made.list(directory) { return names }
      return try DiskFiles().list(directory)
    }
    func read(_ path: String) -> UnitFileContents {
      made[path] == .missing ? DiskFiles().read(path) : made[path]
    }
  }
}

extension ManagerSettings {
  /// The directories of the systemd that runs beside such a manager.
  public var systemdPath: [String] { SystemdUnits.path(self) }
}
