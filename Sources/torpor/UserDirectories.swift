import Linux

/// Where a user's own torpord keeps its things (XDG Base Directory Specification).
enum UserDirectories {
  /// nil: there is no home.
  static var state: String? {
    if let state = Environment.variable("XDG_STATE_HOME"), state.hasPrefix("/") { return "\(state)/torpor" }
    return Environment.variable("HOME").map { "\($0)/.local/state/torpor" }
  }
}
