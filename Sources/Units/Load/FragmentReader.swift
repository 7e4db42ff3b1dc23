/// Turns the entries of one unit, those of its drop-ins included, into what they say.
struct FragmentReader {
  /// No unit has as many keys that something is to be said of; a message costs a walk through the file.
  static let diagnosticsMax = 300

  private(set) var fragment = Fragment()
  private(set) var diagnostics: [Diagnostic] = []
  private let specifiers: Specifiers
  private let kind: UnitName.Kind
  /// Sections that have been told of, by file.
  private var toldSections: Set<String> = []

  init(kind: UnitName.Kind, specifiers: Specifiers) {
    self.kind = kind
    self.specifiers = specifiers
  }

  mutating func read(_ entries: [Entry]) {
    let resets = resets(in: entries)
    for (index, entry) in entries.enumerated() {
      guard diagnostics.count < Self.diagnosticsMax else {
        diagnostics.append(entry.diagnostic(.error, "there are too many messages: the rest of this unit is not read"))
        break
      }
      guard isRead(entry.section) else {
        tellSection(entry)
        continue
      }
      guard let table = KeyTable.named(entry.section) else { continue }
      guard let key = table[entry.key] else {
        tellUnknown(entry, in: table)
        continue
      }
      if !resets.isEmpty, let reset = resets["\(entry.section).\(key.resetGroup)"], index < reset { continue }
      if entry.isReset, !key.isEmptyMeant { continue }
      take(entry, key, in: table)
    }
    fragment.service.execution.dropOverriddenVariables()
    fragment.socketCommands.execution.dropOverriddenVariables()
  }

  /// After which entry each key begins anew: behind its last empty value. Most units have none.
  private func resets(in entries: [Entry]) -> [String: Int] {
    var resets: [String: Int] = [:]
    for (index, entry) in entries.enumerated() where entry.isReset {
      guard let key = KeyTable.named(entry.section)?[entry.key], !key.isEmptyMeant else { continue }
      resets["\(entry.section).\(key.resetGroup)"] = index
    }
    return resets
  }

  /// Whether files of this kind have such a section.
  private func isRead(_ section: String) -> Bool {
    switch section {
    case "Unit", "Install", "X-Idle": true
    case "Service": kind != .socket
    case "Socket": kind != .service
    default: false
    }
  }

  private mutating func tellSection(_ entry: Entry) {
    // Others may have sections of their own, which begin with X-.
    guard !entry.section.hasPrefix("X-") || KeyTable.named(entry.section) != nil else { return }
    guard toldSections.insert("\(entry.section) \(entry.path)").inserted else { return }
    let message: String
    if KeyTable.named(entry.section) != nil {
      message =
        "section [\(entry.section)] is not read in a .\(kind.rawValue) unit: it belongs into one of its own kind, or into a .torpor file"
    } else {
      let known = ["Unit", "Service", "Socket", "Install", "X-Idle"]
      let near = known.first {
        EditDistance.between(Array($0.utf8), Array(entry.section.utf8.prefix(64))) <= 2
      }
      message = "section [\(entry.section)] is not known and is not read" + (near.map { "; is [\($0)] meant?" } ?? "")
    }
    diagnostics.append(entry.diagnostic(.warning, message))
  }

  private mutating func tellUnknown(_ entry: Entry, in table: KeyTable) {
    guard !entry.key.hasPrefix("X-") else { return }
    var message = "'\(entry.key)=' is not a key of [\(entry.section)]"
    if let near = table.suggestion(for: entry.key) {
      message += "; is '\(near)=' meant?"
    } else if let other = KeyTable.all.first(where: { $0[entry.key] != nil }) {
      message += " but of [\(other.section)]"
    }
    diagnostics.append(entry.diagnostic(.warning, message))
  }

  private mutating func take(_ entry: Entry, _ key: Key, in table: KeyTable) {
    switch key.status {
    case .implemented: read(entry, key)
    case .alias(let other):
      if let key = table[other] { take(entry, key, in: table) }
    case .refused(let reason):
      diagnostics.append(entry.diagnostic(.error, "'\(entry.key)=' is not supported: \(reason)"))
    case .ignored(let reason):
      guard !key.isHarmless(entry.value) else { return }
      if key.section == "Unit", Keys.dependencies.contains(key.name), namesNoOther(entry.value) {
        let reason = "it names no service or socket but the unit's own"
        return diagnostics.append(entry.diagnostic(.note, "'\(entry.key)=' is not needed: \(reason)"))
      }
      diagnostics.append(entry.diagnostic(.warning, "'\(entry.key)=' is ignored: \(reason)"))
    case .hardening(let reason):
      guard !key.isHarmless(entry.value) else { return }
      diagnostics.append(
        entry.diagnostic(
          .warning, "'\(entry.key)=' is not applied, and the service runs without it: \(reason)", isHardening: true))
    case .notNeeded(let reason):
      diagnostics.append(entry.diagnostic(.note, "'\(entry.key)=' is not needed: \(reason)"))
    }
  }

  private func namesNoOther(_ value: String) -> Bool {
    value.split(separator: " ").allSatisfy { word in
      guard let text = try? specifiers.expand(String(word)), let name = Template(text).literal else { return false }
      let ours = ["service", "socket"].map { "\(specifiers["N"] ?? "").\($0)" }
      return ours.contains(name) || !name.hasSuffix(".service") && !name.hasSuffix(".socket")
    }
  }

  private mutating func read(_ entry: Entry, _ key: Key) {
    var value = Value(entry.value, specifiers: specifiers)
    do throws(ValueError) {
      try key.read(&fragment, &value)
    } catch {
      diagnostics.append(entry.diagnostic(.error, at: error.offset, "\(entry.key)=: \(error.message)"))
    }
    for warning in value.warnings {
      diagnostics.append(entry.diagnostic(.warning, at: warning.offset, "\(entry.key)=: \(warning.message)"))
    }
  }
}
