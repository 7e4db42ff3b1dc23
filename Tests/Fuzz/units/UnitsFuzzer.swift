// Compiled with Sources/Units as one module: see run.sh.

/// An input is a set of unit files: `#### NAME` begins one, "web.socket" or "web.socket.d/10.conf". Without such a line it is one
/// unit, test.torpor.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: data, count: size))
  let input = FuzzInput(bytes)
  input.checkUnits()
  checkEnvironmentFile(bytes)
  checkValues(bytes)
  return 0
}

private struct FuzzInput {
  private var files = MemoryFiles()
  private var contents: [String: [UInt8]] = [:]
  private static let directory = "/etc/torpor"

  init(_ bytes: [UInt8]) {
    var name = "test.torpor"
    var text: [UInt8] = []
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      guard line.starts(with: "#### ".utf8), contents.count < 8 else {
        text += line + [UInt8(ascii: "\n")]
        continue
      }
      add(name, text)
      name = String(decoding: line.dropFirst(5), as: UTF8.self)
      text = []
    }
    add(name, text)
  }

  private mutating func add(_ name: String, _ text: [UInt8]) {
    guard text.contains(where: { $0 != UInt8(ascii: "\n") }) else { return }
    // Folders but those of drop-ins would be folders named as units.
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 1 || (parts.count == 2 && parts[0].hasSuffix(".d")) else { return }
    let path = "\(Self.directory)/\(name)"
    contents[path] = text
    files[path] = .bytes(text)
  }

  func checkUnits() {
    let set = load(isStrict: false)
    let strict = load(isStrict: true)
    precondition(set.units == load(isStrict: false).units, "the same files were read in two ways")
    precondition(set.units.map(\.name) == strict.units.map(\.name))
    for (unit, strictUnit) in zip(set.units, strict.units) {
      for diagnostic in unit.diagnostics { check(diagnostic) }
      precondition(unit.isUsable || !strictUnit.isUsable, "what is strict takes more than what isn't")
      if unit.isUsable { checkUsable(unit) }
    }
    for diagnostic in set.diagnostics { check(diagnostic) }
  }

  private func load(isStrict: Bool) -> UnitSet {
    UnitLoader(files: files, directories: [Self.directory], isStrict: isStrict).loadAll()
  }

  /// Its place is in a file that was read.
  private func check(_ diagnostic: Diagnostic) {
    guard let text = contents[diagnostic.file] else { preconditionFailure("\(diagnostic) is in no file") }
    let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    let position = diagnostic.position
    precondition(position.line >= 1 && position.line <= lines.count, "\(diagnostic) is behind the last line")
    let width = lines[position.line - 1].count { $0 & 0xC0 != 0x80 }
    precondition(position.column >= 1 && position.column <= width + 1, "\(diagnostic) is behind the line's end")
    precondition(!diagnostic.message.isEmpty && !diagnostic.rendered.isEmpty)
  }

  /// What is promised of a unit that can be held.
  private func checkUsable(_ unit: Unit) {
    precondition(!unit.sockets.isEmpty && unit.sockets.allSatisfy { !$0.listen.isEmpty })
    precondition(unit.service.kind == .oneshot || unit.service.execStart.count == 1)
    for command in unit.service.execStart {
      precondition(!command.path.isEmpty && !command.arguments.isEmpty)
      for argument in command.arguments {
        _ = argument.expanded(variable: { $0 == "A" ? nil : "x 'y z' \\" }, placeholder: \.description)
        _ = argument.placeholderText { _ in "%" }
        let again = Template(commandWord: argument.literal ?? "")
        _ = again.expanded(variable: { $0 == "A" ? nil : "x 'y z' \\" }, placeholder: \.description)
      }
    }
    for specification in unit.sockets.flatMap(\.listen) {
      let again = try? ListenSpecification(specification.description, kind: specification.kind)
      precondition(again == specification, "\(specification) is not read back")
    }
    for range in unit.idle.ignoredSources {
      precondition(AddressRange(range.description) == range && range.contains(range.address.bytes))
    }
    for span in [unit.idle.timeout, unit.service.timeoutStart, unit.service.watchdog] {
      checkReadBack(span)
    }
    precondition(Signal(unit.service.killing.signal.description) == unit.service.killing.signal)
  }
}

private func checkEnvironmentFile(_ bytes: [UInt8]) {
  let file = SourceFile(path: "environment", bytes: bytes)
  for (name, value) in EnvironmentSyntax.file(file).variables {
    precondition(!name.isEmpty && !name.utf8.contains(UInt8(ascii: "=")) && !value.utf8.contains(0))
  }
}

/// The first line as whatever a value can be.
private func checkValues(_ bytes: [UInt8]) {
  guard let text = String(validating: bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != 0 }, as: UTF8.self) else {
    return
  }
  do throws(ValueError) { checkReadBack(try TimeSpanSyntax.parse(text)) } catch {}
  precondition(UnitName.unescape(UnitName.escape(text)) == text, "an escaped name is not read back")
  if let address = IPAddress(text) { precondition(IPAddress(address.description) == address) }
  if let range = AddressRange(text) { precondition(AddressRange(range.description) == range) }
  if let signal = Signal(text) { precondition(Signal(signal.description) == signal) }
  for kind in ListenSpecification.Kind.allCases {
    guard let specification = try? ListenSpecification(text, kind: kind) else { continue }
    precondition((try? ListenSpecification(specification.description, kind: kind)) == specification)
  }
  for resource in ResourceLimit.Resource.allCases { _ = try? ResourceLimit.parse(text, for: resource) }
  _ = try? NumberSyntax.size(text)
  _ = NumberSyntax.percentage(text)
  _ = try? WordReader.words(text)
}

private func checkReadBack(_ span: Duration?) {
  do throws(ValueError) {
    let again = try TimeSpanSyntax.parse(TimeSpanSyntax.render(span))
    precondition(again == span, "a time span is read back as another")
  } catch { preconditionFailure("a time span is not read back: \(error)") }
}
