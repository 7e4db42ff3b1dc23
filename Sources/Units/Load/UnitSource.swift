/// The text of one unit: its file and its drop-ins, as entries.
struct UnitSource {
  let name: UnitName
  let file: SourceFile
  /// In the order in which later ones win.
  private(set) var files: [String] = []
  private(set) var shadowed: [String] = []
  private(set) var entries: [Entry] = []
  private(set) var diagnostics: [Diagnostic] = []

  enum Found {
    case source(UnitSource)
    case missing
    case masked
    case alias(of: String)
    /// Its path and what the kernel said.
    case unreadable(String, String)
  }

  private init(_ name: UnitName, _ file: SourceFile, shadowed: [String]) {
    self.name = name
    self.file = file
    self.shadowed = shadowed
  }

  /// An instance's own file comes before its template's.
  static func find(_ name: UnitName, _ index: UnitIndex, _ files: some UnitFiles) -> Found {
    var candidates = index.paths(of: name.description)
    if let template = name.template { candidates += index.paths(of: template.description) }
    guard let path = candidates.first else { return .missing }
    let shadowed = Array(candidates.dropFirst())
    switch files.read(path) {
    case .missing: return .missing
    case .masked: return .masked
    case .unreadable(let reason): return .unreadable(path, reason)
    case .alias(let other):
      // An instance is often a link to its template.
      guard let template = name.template, template.description == other else { return .alias(of: other) }
      guard let target = index.paths(of: other).first, case .bytes(let bytes) = files.read(target) else {
        return .missing
      }
      return .source(
        read(name, SourceFile(path: target, bytes: bytes), [path] + shadowed.filter { $0 != target }, index, files))
    case .bytes(let bytes):
      guard !bytes.isEmpty else { return .masked }
      return .source(read(name, SourceFile(path: path, bytes: bytes), shadowed, index, files))
    }
  }

  private static func read(
    _ name: UnitName, _ file: SourceFile, _ shadowed: [String], _ index: UnitIndex, _ files: some UnitFiles
  ) -> UnitSource {
    var source = UnitSource(name, file, shadowed: shadowed)
    source.add(file)
    source.addDropIns(index, files)
    return source
  }

  private mutating func add(_ file: SourceFile) {
    let syntax = UnitSyntax(file)
    files.append(file.path)
    if entries.isEmpty { entries = syntax.entries } else { entries += syntax.entries }
    diagnostics += syntax.diagnostics
  }

  /// Drop-ins of all directories in the order of their file names; of the same name, the most special one's counts.
  private mutating func addDropIns(_ index: UnitIndex, _ files: some UnitFiles) {
    let directories = index.dropInDirectories(of: name)
    guard !directories.isEmpty else { return }
    var paths: [String: String] = [:]
    for directory in directories {
      let names: [String]
      do throws(UnreadableDirectory) { names = try files.list(directory) ?? [] } catch {
        diagnostics.append(error.diagnostic(directory))
        continue
      }
      for name in names where name.hasSuffix(".conf") && name.utf8.first != UInt8(ascii: ".") {
        let path = "\(directory)/\(name)"
        if paths[name] == nil { paths[name] = path } else { shadowed.append(path) }
      }
    }
    for (_, path) in paths.sorted(by: { String.bytewise($0.key, $1.key) }) {
      switch files.read(path) {
      case .bytes(let bytes): add(SourceFile(path: path, bytes: bytes))
      case .masked, .missing: break
      case .alias, .unreadable:
        diagnostics.append(
          Diagnostic(.error, file: path, position: Position(line: 1, column: 1), message: "this drop-in can't be read"))
      }
    }
  }

  /// The last value of a key, which is the one that counts for a single value.
  func last(_ section: String, _ key: String) -> Entry? {
    entries.last { $0.key == key && $0.section == section }
  }
}
