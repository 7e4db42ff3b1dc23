import Linux

/// Which held socket a server's bind() means.
struct AddressMatch: Equatable {
  /// The held socket that takes the place of the server's own.
  let index: Int
  /// Others that the same bind() covers, as it names a wildcard: one socket can't be several.
  let alsoCovered: [Int]

  struct Held {
    let index: Int
    let address: SocketAddress
    let isIPv6Only: Bool
    let isAdopted: Bool
  }

  /// nil: the server means none of ours, and its bind() is its own affair.
  init?(bind wanted: SocketAddress, isIPv6Only: Bool, among held: [Held]) {
    guard wanted.port != 0 else { return nil }
    let matches = held.compactMap { socket in
      Self.rank(wanted, isIPv6Only: isIPv6Only, socket).map { (rank: $0, socket: socket) }
    }
    // The closest; among equals one that isn't taken yet; then the order in which they were named.
    guard
      let best = matches.min(by: {
        ($0.rank.rawValue, $0.socket.isAdopted ? 1 : 0, $0.socket.index)
          < ($1.rank.rawValue, $1.socket.isAdopted ? 1 : 0, $1.socket.index)
      })
    else { return nil }
    index = best.socket.index
    let others = matches.filter { $0.socket.index != best.socket.index && !$0.socket.isAdopted }
    alsoCovered =
      switch best.rank {
      case .coversHeld, .coversHeldOfOtherFamily: others.map(\.socket.index)
      // A wildcard that is held itself covers more than that: "::" without IPV6_V6ONLY is 0.0.0.0, too.
      case .same: others.filter { $0.rank == .coversHeld || $0.rank == .coversHeldOfOtherFamily }.map(\.socket.index)
      case .mapped, .coveredByHeld: []
      }
  }

  /// How close, closest first.
  enum Rank: Int { case same, mapped, coversHeld, coversHeldOfOtherFamily, coveredByHeld }

  private static func rank(_ wanted: SocketAddress, isIPv6Only: Bool, _ held: Held) -> Rank? {
    guard wanted.port == held.address.port else { return nil }
    let address = held.address
    if wanted.family == address.family, wanted.bytes == address.bytes { return .same }
    // Java binds ::ffff:127.0.0.1 for 127.0.0.1.
    if let mapped = wanted.mapped, !isIPv6Only, mapped.bytes == address.bytes { return .mapped }
    if wanted.isAny {
      if wanted.family == address.family { return .coversHeld }
      if wanted.family == .v6, !isIPv6Only { return .coversHeldOfOtherFamily }
    }
    guard address.isAny else { return nil }
    if wanted.family == address.family { return .coveredByHeld }
    return address.family == .v6 && !held.isIPv6Only ? .coveredByHeld : nil
  }
}
