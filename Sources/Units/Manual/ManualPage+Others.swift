extension ManualPage {
  /// All that systemd knows and this doesn't do, by the reason.
  static func others(_ page: inout Roff) {
    page.section("WHAT IT DOES NOT DO")
    page.prose(
      """
      Units order and pull in nothing: all sockets are held from the beginning, and a service is started when somebody needs it. There \
      are no targets, timers, mounts and other kinds of units, no namespaces, no filters of system calls and no limits of control \
      groups. In .socket and .service files that were written for systemd, these keys are found and told:
      """)
    page.subsection("Errors: the service could not be what the file asks for")
    list(&page) { if case .refused(let reason) = $0 { reason } else { nil } }
    page.subsection("Warnings: the service runs without a protection; errors where it is asked for strictness")
    list(&page) { if case .hardening(let reason) = $0 { reason } else { nil } }
    page.subsection("Warnings: without effect")
    list(&page) { if case .ignored(let reason) = $0 { reason } else { nil } }
    page.subsection("Notes: not needed")
    list(&page) { if case .notNeeded(let reason) = $0 { reason } else { nil } }
    page.subsection("Old spellings, which are taken")
    for table in KeyTable.all {
      for key in table.keys {
        if case .alias(let other) = key.status { page.item("\(key.name)=", "\(other)=") }
      }
    }
  }

  /// The keys that share a reason are one item; each is named once.
  private static func list(_ page: inout Roff, _ reason: (Key.Status) -> String?) {
    var order: [String] = []
    var names: [String: [String]] = [:]
    var seen: Set<String> = []
    for key in KeyTable.all.flatMap(\.keys) {
      guard let text = reason(key.status), seen.insert("\(text) \(key.name)").inserted else { continue }
      if names[text] == nil { order.append(text) }
      names[text, default: []].append("\(key.name)=")
    }
    for text in order {
      page.item((names[text] ?? []).joined(separator: ", "), text.prefix(1).uppercased() + text.dropFirst() + ".")
    }
  }
}
