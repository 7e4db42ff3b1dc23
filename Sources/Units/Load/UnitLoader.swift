/// Finds units in a list of directories and reads them. It does nothing else: what it knows of files is by `UnitFiles`.
public struct UnitLoader<Files: UnitFiles> {
  private let files: Files
  private let index: UnitIndex
  private let specifiers: Specifiers
  private let isStrict: Bool
  private let keepsNotes: Bool

  /// - Parameters:
  ///   - directories: absolute paths; of files with the same name, that in the earliest counts.
  ///   - specifiers: of the machine and the manager.
  ///   - isStrict: protections that aren't applied are errors.
  ///   - keepsNotes: whether notes are wanted, too. With thousands of units they take more memory than all else.
  public init(
    files: Files, directories: [String], specifiers: Specifiers = .system, isStrict: Bool = false,
    keepsNotes: Bool = true
  ) {
    self.files = files
    index = UnitIndex(files, directories: directories)
    self.specifiers = specifiers
    self.isStrict = isStrict
    self.keepsNotes = keepsNotes
  }

  /// Every unit that there is.
  public func loadAll() -> UnitSet {
    var set = UnitSet()
    set.unreadableDirectories = index.unreadable.map(\.file)
    set.diagnostics = index.unreadable
    var collection = Collection()
    for name in index.files.keys.sorted(by: String.bytewise) { collect(name, &collection, &set) }
    let services = lonelyServices(&collection, &set)
    for (name, parts) in collection.groups.sorted(by: { String.bytewise($0.key, $1.key) }) {
      var unit = unit(named: name, parts, services) { collection.groups[$0] != nil }
      // Thousands of units are mostly alike, and those that are stand side by side.
      if let last = set.units.last { unit.share(with: last) }
      set.units.append(unit)
    }
    tellSharedAddresses(&set)
    return set
  }

  /// Only one of two units can have an address.
  private func tellSharedAddresses(_ set: inout UnitSet) {
    var owners: [String: Int] = [:]
    for index in set.units.indices where set.units[index].isUsable {
      for listen in set.units[index].sockets.flatMap(\.listen) {
        let address = "\(listen.kind.rawValue) \(listen)"
        guard let owner = owners[address] else {
          owners[address] = index
          continue
        }
        let name = set.units[owner].name
        let text = owner == index ? "\(listen) is there twice" : "\(listen) is listened on by '\(name)', too"
        set.units[index].diagnostics.append(
          Diagnostic(
            .warning, file: set.units[index].files.first ?? "", position: Position(line: 1, column: 1),
            message: "\(text): it can be held once"))
      }
    }
  }

  /// One unit by its name without a suffix; an instance of a template may be one that no file is named after.
  ///
  /// All are looked at, as any socket may name any service.
  /// - Returns: nil if there is none, or if it is masked.
  public func load(_ name: String) -> Unit? {
    if let unit = loadAll()[name] { return unit }
    var set = UnitSet()
    var collection = Collection()
    for kind in [UnitName.Kind.torpor, .socket] {
      guard let name = UnitName("\(name).\(kind.rawValue)"), !name.isTemplate else { continue }
      collect(name, &collection, &set)
      if let (name, parts) = collection.groups.first { return unit(named: name, parts, [:]) { _ in true } }
    }
    return nil
  }

  /// What is found of units before they are put together.
  private struct Collection {
    /// By the name of the service.
    var groups: [String: Parts] = [:]
  }

  private struct Parts {
    var torpor: UnitSource?
    var sockets: [UnitSource] = []
    var failures: [Diagnostic] = []
    /// Files that a .torpor file hides, or .torpor files that a pair in an earlier directory hides.
    var hidden: [String] = []
  }

  /// A file by its name: a unit, or one of the things that are none.
  private func collect(_ text: String, _ collection: inout Collection, _ set: inout UnitSet) {
    guard let name = UnitName(text) else {
      if text.utf8.first != UInt8(ascii: "."), let path = index.paths(of: text).first {
        set.diagnostics.append(
          failure(path, "'\(text)' is not a name that a unit can have (letters, digits and : - _ . \\ @)"))
      }
      return
    }
    guard !name.isTemplate else {
      if name.kind != .service { set.templates.append(text) }
      return
    }
    guard name.kind != .service else { return }
    collect(name, &collection, &set)
  }

  private func collect(_ name: UnitName, _ collection: inout Collection, _ set: inout UnitSet) {
    let other = name.with(kind: name.kind == .torpor ? .socket : .torpor)
    guard !isHidden(name, by: other) else { return }
    switch UnitSource.find(name, index, files) {
    case .missing: break
    case .masked: set.masked.append(name.description)
    case .alias(let target):
      set.aliases[name.description] = target
      if index.files[target] == nil {
        set.diagnostics.append(
          failure(index.paths(of: name.description)[0], "this is a link to '\(target)', which isn't there"))
      }
    case .unreadable(let path, let reason):
      collection.groups[name.stem, default: Parts()].failures.append(failure(path, "it can't be read: \(reason)"))
    case .source(let source):
      if name.kind == .torpor {
        collection.groups[name.stem, default: Parts()].torpor = source
        collection.groups[name.stem]?.hidden =
          index.paths(of: other.description) + index.paths(of: name.with(kind: .service).description)
      } else {
        let service = serviceName(of: source)
        collection.groups[service, default: Parts()].sockets.append(source)
        collection.groups[service]?.hidden += index.paths(of: other.description)
      }
    }
  }

  /// Of NAME.torpor and NAME.socket the one in the earlier directory counts, and in the same the first.
  private func isHidden(_ name: UnitName, by other: UnitName) -> Bool {
    guard let theirs = index.precedence(of: other.description) else { return false }
    guard let ours = index.precedence(of: name.description) else { return false }
    return theirs < ours || (theirs == ours && other.kind == .torpor)
  }

  /// Without its suffix.
  private func serviceName(of socket: UnitSource) -> String {
    guard let text = socket.last("Socket", "Service")?.value, !text.isEmpty,
      let parts = try? specifiers.of(socket.name, file: socket.file.path).expand(text),
      let name = UnitName(Template(parts).literal ?? ""), name.kind == .service
    else { return socket.name.stem }
    return name.stem
  }

  /// Services that no socket starts. Sockets without a service are given to those services that name them.
  /// - Returns: the lonely services that have got sockets.
  private func lonelyServices(_ collection: inout Collection, _ set: inout UnitSet) -> [String: UnitSource] {
    var orphans = Set(
      collection.groups.filter { name, parts in
        parts.torpor == nil && index.files["\(name).service"] == nil && index.files["\(name)@.service"] == nil
      }.keys)
    if !orphans.isEmpty {
      for name in collection.groups.keys.sorted(by: String.bytewise) where !orphans.contains(name) {
        let torpor = collection.groups[name]?.torpor
        if let source = torpor ?? service(named: name) { claim(for: name, by: source, &orphans, &collection) }
      }
    }
    var sources: [String: UnitSource] = [:]
    for text in index.files.keys.sorted(by: String.bytewise) {
      guard let name = UnitName(text), name.kind == .service, !name.isTemplate, collection.groups[name.stem] == nil
      else {
        continue
      }
      switch UnitSource.find(name, index, files) {
      case .source(let source):
        claim(for: name.stem, by: source, &orphans, &collection)
        if collection.groups[name.stem] == nil { set.services.append(text) } else { sources[name.stem] = source }
      case .alias(let target): set.aliases[text] = target
      case .masked: set.masked.append(text)
      case .missing, .unreadable: break
      }
    }
    return sources
  }

  private func service(named name: String) -> UnitSource? {
    guard let name = UnitName("\(name).service"), case .source(let source) = resolve(name, depth: 0) else { return nil }
    return source
  }

  /// Moves the sockets that a service names to it, if nobody else has them.
  private func claim(
    for name: String, by source: UnitSource, _ orphans: inout Set<String>, _ collection: inout Collection
  ) {
    for entry in source.entries where entry.key == "Sockets" && entry.section == "Service" {
      for word in entry.value.split(separator: " ") {
        guard let socket = UnitName(String(word)), socket.kind == .socket, orphans.remove(socket.stem) != nil,
          let parts = collection.groups.removeValue(forKey: socket.stem)
        else { continue }
        collection.groups[name, default: Parts()].sockets += parts.sockets
        collection.groups[name]?.failures += parts.failures
      }
    }
  }

  private func failure(_ path: String, _ message: String) -> Diagnostic {
    Diagnostic(.error, file: path, position: Position(line: 1, column: 1), message: message)
  }

  private func unit(
    named name: String, _ parts: Parts, _ services: [String: UnitSource], isKnown: @escaping (String) -> Bool
  ) -> Unit {
    var assembly = UnitAssembly(name: name, specifiers: specifiers)
    assembly.isKnown = isKnown
    assembly.diagnostics = parts.failures
    let sockets = parts.sockets.sorted { left, right in
      // The one of the service's own name is the first.
      if left.name.stem == name || right.name.stem == name { return left.name.stem == name && right.name.stem != name }
      return String.bytewise(left.name.description, right.name.description)
    }
    if let torpor = parts.torpor {
      assembly.add(torpor: torpor, sockets: sockets, hidden: parts.hidden)
    } else if !sockets.isEmpty {
      assembly.add(sockets: sockets, hidden: parts.hidden) { service in
        services[name].map { .source($0) } ?? resolve(service, depth: 0)
      }
    }
    return assembly.finished(isStrict: isStrict, keepsNotes: keepsNotes)
  }

  /// A service, by whatever name it goes: links to other units are followed.
  private func resolve(_ name: UnitName, depth: Int) -> UnitSource.Found {
    let found = UnitSource.find(name, index, files)
    guard case .alias(let other) = found, depth < 8, let target = UnitName(other), target.kind == .service else {
      return found
    }
    return resolve(target.isTemplate ? target.with(instance: name.instance) : target, depth: depth + 1)
  }
}
