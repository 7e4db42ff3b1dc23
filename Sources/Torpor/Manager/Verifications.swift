import Linux

/// Verifications that are to be done: one at a time, in the order in which they were asked for.
///
/// Each starts a service that nobody waits for, and a machine that has just begun has other things to do than to start all of them.
final class Verifications {
  private var waiting: [(name: String, completions: [(Result<UnitVerification, ControlFailure>) -> Void])] = []
  private(set) var current: String?
  private let unit: (String) -> ManagedUnit?
  var onResult: ((UnitVerification) -> Void)?

  init(unit: @escaping (String) -> ManagedUnit?) { self.unit = unit }

  /// A unit that waits already is verified once for all who asked.
  func ask(_ name: String, _ completion: ((Result<UnitVerification, ControlFailure>) -> Void)? = nil) {
    let completions = completion.map { [$0] } ?? []
    if let index = waiting.firstIndex(where: { $0.name == name }) {
      waiting[index].completions += completions
    } else {
      waiting.append((name, completions))
    }
    next()
  }

  var isEmpty: Bool { waiting.isEmpty && current == nil }

  /// Nothing more is begun.
  func stop() { waiting = [] }

  private func next() {
    guard current == nil, !waiting.isEmpty else { return }
    let (name, completions) = waiting.removeFirst()
    guard let unit = unit(name) else {
      for completion in completions { completion(.failure(.noSuchUnit(name))) }
      return next()
    }
    current = name
    unit.verify { [weak self] verification in
      self?.current = nil
      self?.onResult?(verification)
      for completion in completions { completion(.success(verification)) }
      self?.next()
    }
  }
}
