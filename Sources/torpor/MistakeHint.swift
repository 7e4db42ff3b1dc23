/// What somebody may have meant whose words weren't understood, for two habits that lead there.
enum MistakeHint {
  /// - Parameter words: what was typed, without the program's name. nil: nothing is known that it may mean.
  static func text(_ words: [String]) -> String? {
    guard let verb = words.first else { return nil }
    if let example = examples[verb], !words.contains("--") {
      return "A command and its arguments stand after '--': \(example)"
    }
    return habits[verb].map { "There is no '\(verb)', as systemctl has it: \($0)" }
  }

  private static let examples = [
    "run": "torpor run -l 127.0.0.1:6379 -- redis-server --port 6379",
    "add": "torpor add redis -l 127.0.0.1:6379 -- /usr/bin/redis-server --port 6379",
    "hold": "torpor hold NAME -- COMMAND",
  ]

  private static let habits: [String: String] = {
    let restart = "after 'torpor rest NAME' the next client starts it anew; 'torpor reload NAME' is its ExecReload="
    let enable = "what has a unit is held; 'torpor import' copies one of systemd's, 'torpor add' writes one"
    let disable = "a unit whose file is removed is let go of at 'torpor reload'"
    let status = "'torpor status' shows all units, 'torpor status NAME' one, with its files"
    return [
      "start": "'torpor wake NAME' does it now, and the first client in any case",
      "stop": "'torpor rest NAME' does it, until the next client comes; \(disable)",
      "restart": restart, "try-restart": restart, "reload-or-restart": restart, "enable": enable, "disable": disable,
      "mask": disable, "daemon-reload": "'torpor reload' reads all unit files again", "list-units": status,
      "list-sockets": status, "is-active": status, "show": status, "cat": status,
    ]
  }()
}
