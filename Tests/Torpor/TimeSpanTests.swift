import Testing

@testable import Torpor

@Suite struct TimeSpanTests {
  @Test(arguments: [
    ("30min", Duration.seconds(1800)), ("1h 30s", .seconds(3630)), ("90", .seconds(90)), ("5s", .seconds(5)),
    ("2ms", .milliseconds(2)), ("100us", .microseconds(100)), ("1.5h", .seconds(5400)), ("1d", .seconds(86400)),
    (" 2 h 3 min ", .seconds(7380)), ("1h30m", .seconds(5400)), ("0", .zero), ("55s500ms", .milliseconds(55500)),
    ("1w", .seconds(604800)), ("1M", .seconds(2_629_800)), ("1y", .seconds(31_557_600)), ("0.5", .milliseconds(500)),
  ]) func aSpanInSystemdsSyntaxIsRead(_ text: String, _ expected: Duration) throws {
    #expect(try TimeSpan.parse(text) == expected)
  }

  @Test func infinityIsNone() throws { #expect(try TimeSpan.parse("infinity") == nil) }

  @Test(arguments: [
    "", "  ", "5 parsecs", "min", "-5s", "5s-", "1e3", ".5", "1..5s", "infinity 5", "999999999y", "５s", "5\ns",
  ])
  func whatIsNoSpanIsRefusedWithItsReason(_ text: String) {
    #expect(throws: TimeSpan.Malformed.self) { try TimeSpan.parse(text) }
  }

  @Test func spansAreToldWithAUnitThatFits() {
    #expect(TimeSpan.describe(.microseconds(8123)) == "8.1 ms")
    #expect(TimeSpan.describe(.seconds(5)) == "5 s")
    #expect(TimeSpan.describe(.milliseconds(12400)) == "12.4 s")
    #expect(TimeSpan.describe(.seconds(1800)) == "30 min")
    #expect(TimeSpan.describe(.seconds(86400)) == "24 h")
  }
}
