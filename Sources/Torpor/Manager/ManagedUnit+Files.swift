import Units

/// What its files say after a reload, and how that is taken up.
extension ManagedUnit {
  /// Whether any of its files is in that directory of units.
  func isOf(directory: String) -> Bool {
    (pendingDefinition?.value ?? definition).files.contains { $0.hasPrefix(directory + "/") }
  }

  /// What its files say now. Returns whether that is something else than before.
  func update(_ new: Unit) -> Bool {
    let wasRemoved = isRemoved
    isRemoved = false
    refusal = nil
    remarks = Self.remarks(new.diagnostics)
    let isChanged = !new.isSame(as: pendingDefinition?.value ?? definition)
    commandsHaveFailed = false
    if isInTransition {
      pendingDefinition = Shared(new)
      return isChanged
    }
    if service == nil {
      definition = new
      pendingDefinition = nil
      hold()
      return isChanged
    }
    guard isChanged || wasRemoved else { return false }
    apply(new)
    if wasRemoved, !holds.isEmpty { single?.post(.pinned(true)) }
    return true
  }

  /// A new file of it can't be used: the old one goes on.
  func keep(despite diagnostics: [Diagnostic]) {
    refusal = nil
    remarks = Self.remarks(diagnostics)
  }

  static func remarks(_ diagnostics: [Diagnostic]) -> [String] {
    diagnostics.filter { !$0.isHardening || $0.isError }.map(\.description)
  }

  func apply(_ new: Unit) {
    guard let service else { return }
    refusal = nil
    do throws(ServiceError) {
      let options = try host.options(new)
      if needsAnotherService(options) { return makeAnew(new) }
      if try service.replaceOptions(options) {
        definition = new
        pendingDefinition = nil
        (single?.output as? LoggedOutput)?.nextSettings = host.output(of: new)
      } else {
        pendingDefinition = Shared(new)
      }
    } catch {
      pendingDefinition = nil
      refusal = error.description
      remarks.append(error.description)
      host.voice.narrator(for: name).warn("the new files are not applied: \(error)")
    }
  }

  /// One process for all connections, or one for each: these have nothing in common. The sockets are let go of for a moment.
  private func makeAnew(_ new: Unit) {
    pendingDefinition = Shared(new)
    if phase == .dormant { stop() }
  }

  private func needsAnotherService(_ options: ServiceOptions) -> Bool {
    let isPerConnection = options.handover == .inetd
    guard let connectionService else { return isPerConnection }
    return !isPerConnection || !connectionService.canTakeUp(options)
  }

  /// Its files are gone. Who uses it may finish.
  func remove() {
    isRemoved = true
    guard !isOver else { return host.gone(self) }
    // Nothing runs that could be in use.
    if isInTransition || phase == .dormant || phase == .failed { stop() } else { single?.retire() }
  }
}
