import Linux

/// Verifications that are to be done: one at a time, in the order in which they were asked for.
///
/// Each starts a service that nobody waits for, and a machine that has just begun has other things to do than to start all of them.
final class Verifications {
  typealias Completion = (Result<UnitVerification, ControlFailure>) -> Void

  /// In their order, from `next` on.
  private var names: [String] = []
  private var next = 0
  /// Who waits for each of them.
  private var completions: [String: [Completion]] = [:]
  private(set) var current: String?
  private let unit: (String) -> ManagedUnit?
  var onResult: ((UnitVerification) -> Void)?
  /// The last that was asked for couldn't be tried, so that there is no result of it.
  var onIdle: (() -> Void)?

  init(unit: @escaping (String) -> ManagedUnit?) { self.unit = unit }

  /// A unit that waits already is verified once for all who asked.
  func ask(_ name: String, _ completion: Completion? = nil) {
    if completions[name] == nil { names.append(name) }
    completions[name, default: []] += completion.map { [$0] } ?? []
    goOn()
  }

  var isEmpty: Bool { completions.isEmpty && current == nil }

  /// Nothing more is begun.
  func stop() {
    names = []
    next = 0
    completions = [:]
  }

  private func goOn() {
    guard current == nil, next < names.count else { return }
    let name = names[next]
    next += 1
    if next == names.count { (names, next) = ([], 0) }
    let completions = completions.removeValue(forKey: name) ?? []
    guard let unit = unit(name) else {
      for completion in completions { completion(.failure(.noSuchUnit(name))) }
      if isEmpty { onIdle?() }
      return goOn()
    }
    current = name
    unit.verify { [weak self] verification in
      self?.current = nil
      self?.onResult?(verification)
      for completion in completions { completion(.success(verification)) }
      self?.goOn()
    }
  }
}
