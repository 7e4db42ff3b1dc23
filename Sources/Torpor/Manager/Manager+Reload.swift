import Units

extension Manager {
  /// Reads all unit files again. What is as it was isn't touched; what can't be used leaves things as they are.
  public func reload(completion: @escaping (Result<ReloadOutcome, ControlFailure>) -> Void) {
    // Nothing would end what is held from now on.
    guard !host.isStopping else { return completion(.failure(.notNow("torpord is stopping"))) }
    supervisor?.reloading("reading units")
    let set = reader.readAll()
    var outcome = ReloadOutcome(added: [], changed: [], removed: [], unchanged: 0, problems: [])
    outcome.problems = set.diagnostics.map(\.description)
    let names = Set(set.units.map(\.name))
    /// Its files can't be read, which is not to say that they are gone.
    func isOutOfSight(_ unit: ManagedUnit) -> Bool {
      set.unreadableDirectories.contains { unit.isOf(directory: $0) }
    }
    // First, so that what one unit leaves another one can have.
    for (name, unit) in units where !names.contains(name) && !unit.isRemoved && !isOutOfSight(unit) {
      outcome.removed.append(name)
      unit.remove()
    }
    for name in invalid.keys where !names.contains(name) { invalid[name] = nil }
    for definition in set.units {
      if let unit = units[definition.name], isOutOfSight(unit) { continue }
      switch take(definition) {
      case .added: outcome.added.append(definition.name)
      case .changed: outcome.changed.append(definition.name)
      case .unchanged: outcome.unchanged += 1
      case .invalid: outcome.problems += definition.diagnostics.filter(\.isError).map(\.description)
      }
      if let unit = units[definition.name], let problem = unit.problem ?? unit.refusal {
        outcome.problems.append("\(definition.name): \(problem)")
      }
    }
    outcome.removed.sort()
    settle()
    for name in outcome.added { units[name]?.startIfAsked() }
    planVerifications()
    supervisor?.ready(summary)
    let counts = [
      (outcome.added.count, "added"), (outcome.changed.count, "changed"), (outcome.removed.count, "removed"),
      (outcome.problems.count, "with problems"),
    ]
    let text = counts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
    voice.say("reloaded: \(text.isEmpty ? "nothing has changed" : text)")
    completion(.success(outcome))
  }
}
