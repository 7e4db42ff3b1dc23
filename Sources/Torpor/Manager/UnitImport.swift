import Linux
import Units

/// A copy of systemd's files of one service and its sockets into a directory of units: what goes where, and what of it won't
/// apply. Nothing is written before `write()`, and nothing that is there is touched.
public struct UnitImport {
  public struct File: Sendable {
    /// Where it is to be.
    public let path: String
    /// What it is a copy of; nil: it is made here.
    public let source: String?
    /// A file that says the same is there.
    public let isThere: Bool
    let bytes: [UInt8]
  }

  public struct Finding: Sendable {
    public let isError: Bool
    /// With the line that is meant and a caret, where there is one; the file is the copy.
    public let text: String
  }

  /// The service's, without a suffix.
  public let name: String
  public private(set) var files: [File] = []
  public private(set) var findings: [Finding] = []
  /// Of systemd: the service, and its sockets that there are.
  public let systemdUnits: [String]
  /// Links by which systemd starts one of them.
  public let enablements: [String]
  private let target: String

  /// - Parameters:
  ///   - text: a service or socket as systemctl takes it, with or without a suffix.
  ///   - listen: what to hold for a service that has no socket.
  ///   - directories: systemd's, the first that has a unit has it.
  ///   - target: the directory of units.
  public init(
    _ text: String, listen: [ListenAddress] = [], from directories: [String], to target: String,
    _ settings: ManagerSettings
  ) throws(ServiceError) {
    let source = SystemdUnits(directories)
    let service = try source.service(named: text)
    name = service.stem
    self.target = target
    var made = MemoryFiles()
    if let unit = source.unit(service.stem) {
      let sockets = unit.sockets.map(\.unitName)
      guard listen.isEmpty else {
        throw ServiceError(
          "\(service) has \(sockets.joined(separator: " and ")) already: import it without -l, and change the copy",
          exitCode: 2)
      }
      systemdUnits = [service.description] + sockets
      enablements = source.enablements(of: systemdUnits)
      try copy(unit, &made)
    } else {
      systemdUnits = [service.description]
      enablements = source.enablements(of: systemdUnits)
      try copy(service, listen, source, &made)
    }
    let torpor = "\(target)/\(name).torpor"
    guard !ProcessFiles.exists(torpor) else { throw ServiceError("'\(torpor)' is there already, and would come first") }
    check(made, settings)
  }

  public var isUsable: Bool { !findings.contains(where: \.isError) }

  // MARK: what goes where

  /// A service without a socket, and one that is made for it.
  private mutating func copy(
    _ service: UnitName, _ listen: [ListenAddress], _ source: SystemdUnits, _ made: inout MemoryFiles
  ) throws(ServiceError) {
    guard !listen.isEmpty else {
      throw ServiceError(
        """
        \(service) has no socket: say with -l each address that it listens on, as its own configuration has it or 'ss -lnp' \
        shows while it runs: torpor import \(service.stem) -l 127.0.0.1:8080
        """, exitCode: 2)
    }
    let socket = service.with(kind: .socket).description
    let path = "\(target)/\(socket)"
    let draft = UnitDraft(listen: listen, command: [])
    let text = "# For \(service), which has no socket unit of its own.\n" + draft.socketText
    guard let unit = source.unit(service.stem, with: text, at: path) else {
      throw ServiceError("\(service) can't be read")
    }
    try add(Array(text.utf8), from: nil, to: path, &made)
    try copy(unit, &made)
  }

  /// Each file under its own name, so that it can be compared with systemd's.
  private mutating func copy(_ unit: Unit, _ made: inout MemoryFiles) throws(ServiceError) {
    var owner: UnitName?
    for path in unit.files where !files.contains(where: { $0.path == path }) {
      let parts = path.split(separator: "/")
      guard let base = parts.last.map(String.init) else { continue }
      var place = base
      if let name = UnitName(base) {
        owner = name
      } else if let owner {
        // What is said of all services, or of those with a prefix, is said of this one only.
        let directory = parts.dropLast().last.map(String.init) ?? ""
        let isOwn = UnitName(String(directory.dropLast(2)))?.prefix == owner.prefix
        place = "\(isOwn ? directory : "\(owner).d")/\(base)"
      }
      guard case .bytes(let bytes) = DiskFiles().read(path) else { throw ServiceError("cannot read '\(path)'") }
      try add(bytes, from: path, to: "\(target)/\(place)", &made)
    }
  }

  private mutating func add(
    _ bytes: [UInt8], from source: String?, to path: String, _ made: inout MemoryFiles
  ) throws(ServiceError) {
    guard made[path] == .missing else { return }
    made[path] = .bytes(bytes)
    let isThere: Bool
    switch DiskFiles().read(path) {
    case .missing: isThere = false
    case .bytes(let present) where present == bytes: isThere = true
    case .bytes, .masked, .alias, .unreadable:
      throw ServiceError("'\(path)' is there already and says something else: it is not touched")
    }
    files.append(File(path: path, source: source, isThere: isThere, bytes: bytes))
  }

  // MARK: what won't apply

  private mutating func check(_ made: MemoryFiles, _ settings: ManagerSettings) {
    let loader = UnitLoader(
      files: made, directories: [target], specifiers: MachineSpecifiers.make(isSystem: settings.isSystem),
      isStrict: settings.isStrict, keepsNotes: false)
    guard let unit = loader.load(name) else {
      return findings.append(Finding(isError: true, text: "\(target): error: the copies are no unit"))
    }
    findings += unit.diagnostics.map { Finding(isError: $0.isError, text: $0.rendered) }
    guard unit.isUsable else { return }
    do throws(ServiceError) { _ = try UnitTranslation(isSystem: settings.isSystem).options(of: unit) } catch {
      findings.append(Finding(isError: true, text: "\(unit.files.first ?? name): error: \(error)"))
    }
  }

  /// All of them, or none.
  public func write() throws(ServiceError) {
    var written: [String] = []
    for file in files where !file.isThere {
      do throws(Errno) { try NewFile.write(file.bytes, to: file.path) } catch {
        for path in written { NewFile.remove(path) }
        throw ServiceError("cannot write '\(file.path)': \(error)")
      }
      written.append(file.path)
    }
  }
}
