/// What is in the unit directories, by name. Read once, so that ten thousand units don't cost a look at the disk each.
struct UnitIndex {
  /// As given: earlier ones win.
  let directories: [String]
  /// For each name, the directories that have it, by their index, in order.
  private(set) var files: [String: [Int]] = [:]
  /// The same for drop-in directories, "NAME.service.d".
  private var dropIns: [String: [Int]] = [:]
  /// Of directories that can't be read.
  private(set) var unreadable: [Diagnostic] = []

  init(_ files: some UnitFiles, directories: [String]) {
    self.directories = directories
    for (index, directory) in directories.enumerated() {
      let names: [String]
      do throws(UnreadableDirectory) { names = try files.list(directory) ?? [] } catch {
        unreadable.append(error.diagnostic(directory))
        continue
      }
      for name in names {
        if name.hasSuffix(".d") {
          dropIns[name, default: []].append(index)
        } else if name.hasSuffix(".service") || name.hasSuffix(".socket") || name.hasSuffix(".torpor") {
          self.files[name, default: []].append(index)
        }
      }
    }
  }

  var hasDropIns: Bool { !dropIns.isEmpty }

  /// Where a name is, the one that counts first.
  func paths(of name: String) -> [String] {
    (files[name] ?? []).map { "\(directories[$0])/\(name)" }
  }

  /// The directory, by its index, of the file that counts.
  func precedence(of name: String) -> Int? { files[name]?.first }

  /// The drop-in directories of a unit, the more special first: its own, its template's, those of its prefixes at a dash,
  /// and those of its kind.
  func dropInDirectories(of name: UnitName) -> [String] {
    guard hasDropIns else { return [] }
    var stems: [UnitName] = [name]
    if let template = name.template { stems.append(template) }
    var names: [String] = stems.map { "\($0).d" }
    // "foo-bar-.service.d" and "foo-.service.d" for foo-bar-waldo.service.
    var prefix = Substring(name.prefix)
    if prefix.utf8.last == UInt8(ascii: "-") { prefix = prefix.dropLast() }
    while let dash = prefix.utf8.lastIndex(of: UInt8(ascii: "-")) {
      names.append("\(prefix[...dash]).\(name.kind.rawValue).d")
      prefix = prefix[..<dash]
    }
    names.append("\(name.kind.rawValue).d")
    var paths: [String] = []
    for name in names {
      for index in dropIns[name] ?? [] { paths.append("\(directories[index])/\(name)") }
    }
    return paths
  }
}

extension UnreadableDirectory {
  func diagnostic(_ directory: String) -> Diagnostic {
    Diagnostic(
      .error, file: directory, position: Position(line: 1, column: 1),
      message: "this directory can't be read: \(reason)")
  }
}
