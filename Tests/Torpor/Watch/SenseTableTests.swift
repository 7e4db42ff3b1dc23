import Testing

@testable import Torpor

@Suite struct SenseTableTests {
  @Test func namesAreReadAndConnectionsAlwaysCount() throws {
    #expect(SenseTable.defaultNames == ["connections", "channels", "processing"])
    #expect(try SenseTable.names(in: "processing") == ["connections", "processing"])
    #expect(try SenseTable.names(in: "connections, channels") == ["connections", "channels"])
    #expect(throws: SenseTable.UnknownName(name: "telepathy")) { try SenseTable.names(in: "channels,telepathy") }
  }

  @Test func eachRowHasANameOfItsOwnAndAMeaning() {
    let names = SenseTable.rows.map(\.name)
    #expect(Set(names).count == names.count)
    #expect(SenseTable.rows.allSatisfy { $0.meaning.hasSuffix(".") })
  }

  @Test func sharesAreOfOneProcessor() {
    #expect(WatchOptions.share("1%") == 0.01)
    #expect(WatchOptions.share("250%") == 2.5)
    for text in ["", "1", "%", "0%", "-1%", "nan%"] { #expect(WatchOptions.share(text) == nil) }
  }
}
