import Units

/// What there is to say about unit files, without holding or starting anything.
public struct UnitCheck {
  public struct Finding: Sendable {
    /// nil: it belongs to no unit.
    public let unit: String?
    public let severity: Diagnostic.Severity
    /// With the line that is meant and a caret, where there is one.
    public let text: String
  }

  public private(set) var unitCount = 0
  public private(set) var findings: [Finding] = []

  private let loader: UnitLoader<DiskFiles>
  private let translation: UnitTranslation

  /// - Parameter directories: where units are looked for, before those of the manager.
  public init(_ settings: ManagerSettings, directories: [String] = []) {
    loader = UnitLoader(
      files: DiskFiles(), directories: directories + settings.unitPath,
      specifiers: MachineSpecifiers.make(isSystem: settings.isSystem), isStrict: settings.isStrict, keepsNotes: true)
    translation = UnitTranslation(isSystem: settings.isSystem)
  }

  public mutating func checkAll() {
    let set = loader.loadAll()
    findings += set.diagnostics.map { Finding(unit: nil, severity: $0.severity, text: $0.rendered) }
    for unit in set.units { check(unit) }
  }

  /// Returns false if there is no such unit. `name`: without a suffix.
  public mutating func check(_ name: String) -> Bool {
    guard let unit = loader.load(name) else { return false }
    check(unit)
    return true
  }

  private mutating func check(_ unit: Unit) {
    unitCount += 1
    findings += unit.diagnostics.map { Finding(unit: unit.name, severity: $0.severity, text: $0.rendered) }
    guard unit.isUsable else { return }
    // What only this machine knows: users, groups, addresses.
    do throws(ServiceError) { _ = try translation.options(of: unit) } catch {
      let place = unit.files.first.map { "\($0): " } ?? ""
      findings.append(Finding(unit: unit.name, severity: .error, text: "\(place)error: \(error)"))
    }
  }
}
