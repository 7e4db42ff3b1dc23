import Testing

@testable import Units

/// Every key of systemd 252 is one of: implemented, refused with a reason, named in a message. None is passed over.
@Suite struct KeyAuditTests {
  static let sections = [
    ("Unit", SystemdKeys.unit), ("Service", SystemdKeys.service), ("Socket", SystemdKeys.socket),
    ("Install", SystemdKeys.install),
  ]

  /// One of these is taken by every implemented key, and isn't its default.
  private static let samples = [
    "yes", "no", "7s", "7", "1M", "/a/b", "-/a/b", "/bin/true x", "SIGUSR1", "0123", "a", "A=b", "null", "oneshot",
    "always", "all", "a.socket", "b.service", "restart", "both", "127.0.0.1:1", "/s", "lo", "low-delay", "ns",
    "process", "5:6", "idle", "3", "socket", "abort",
  ]

  @Test(arguments: sections)
  func everyKeyIsKnown(_ section: String, _ names: [String]) throws {
    let table = try #require(KeyTable.named(section))
    #expect(names.filter { table[$0] == nil } == [])
    #expect(Set(names).count == names.count)
  }

  /// Says what becomes of it when it is written, and does what it says.
  @Test(arguments: sections)
  func everyKeyDoesWhatItsStatusSays(_ section: String, _ names: [String]) throws {
    let table = try #require(KeyTable.named(section))
    let name = section == "Socket" ? "test.socket" : "test.service"
    for keyName in names {
      let key = try #require(table[keyName])
      func reading(_ value: String) -> Reading { Reading("[\(section)]\n\(keyName)=\(value)\n", name: name) }
      let messages = reading(Keys.dependencies.contains(keyName) ? "other.service" : "/a/b").messages
      func says(_ text: String, _ reason: String) -> Bool {
        messages.count == 1 && messages[0] == "2:1: \(text.replacing("KEY", with: "'\(keyName)='")): \(reason)"
      }
      switch key.status {
      case .implemented, .alias:
        let empty = Reading("[\(section)]\n", name: name).fragment
        let taken = Self.samples.filter { sample in
          let reading = reading(sample)
          return reading.diagnostics.isEmpty && reading.fragment != empty
        }
        let target = if case .alias(let other) = key.status { table[other]?.status } else { key.status }
        if target == .implemented { #expect(!taken.isEmpty, "[\(section)] \(keyName)= changes nothing") }
      case .refused(let reason): #expect(says("error: KEY is not supported", reason), "\(messages)")
      case .ignored(let reason): #expect(says("warning: KEY is ignored", reason), "\(messages)")
      case .hardening(let reason):
        #expect(says("warning: KEY is not applied, and the service runs without it", reason), "\(messages)")
      case .notNeeded(let reason): #expect(says("note: KEY is not needed", reason), "\(messages)")
      }
    }
  }

  /// A value that asks for nothing is passed over in silence; that must not be one that asks for something.
  @Test func harmlessValuesAreFew() {
    for key in KeyTable.all.flatMap(\.keys) {
      #expect(!key.harmless.contains("") && !key.harmless.contains("full") && key.harmless.count < 6, "\(key.name)")
      if key.status != .implemented { #expect(!key.isHarmless("strict"), "\(key.name)") }
    }
  }
}
