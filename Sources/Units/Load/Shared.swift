/// A large value that many may have in common: a copy of this is a reference, and what it refers to doesn't change.
public struct Shared<Value: Sendable>: Sendable {
  private final class Box: Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
  }

  private var box: Box

  public init(_ value: Value) { box = Box(value) }

  public var value: Value { box.value }
}

extension Shared: Equatable where Value: Equatable {
  public static func == (one: Shared, other: Shared) -> Bool { one.box === other.box || one.value == other.value }

  /// If both are the same they are one from now on.
  public mutating func join(_ other: Shared) {
    if self == other { box = other.box }
  }
}
