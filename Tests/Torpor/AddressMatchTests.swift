import Linux
import Testing

@testable import Torpor

@Suite struct AddressMatchTests {
  private func address(_ text: String) throws -> SocketAddress {
    let colon = try #require(text.lastIndex(of: ":"))
    let port = try #require(UInt16(text[text.index(after: colon)...]))
    return try #require(SocketAddress(text: text[..<colon].filter { !"[]".contains($0) }, port: port))
  }

  /// Which of `held` a bind() to `wanted` gets, and which others it covers.
  private func match(_ wanted: String, v6Only: Bool = false, _ held: [String], adopted: Set<Int> = []) throws
    -> (Int, [Int])?
  {
    let sockets = try held.enumerated().map { index, text in
      AddressMatch.Held(
        index: index, address: try address(text), isIPv6Only: text.contains("::1"),
        isAdopted: adopted.contains(index))
    }
    return AddressMatch(bind: try address(wanted), isIPv6Only: v6Only, among: sockets).map {
      ($0.index, $0.alsoCovered)
    }
  }

  @Test func theSameAddressMatchesFirst() throws {
    #expect(try match("127.0.0.1:80", ["[::1]:80", "127.0.0.1:80"])?.0 == 1)
    #expect(try match("127.0.0.1:81", ["127.0.0.1:80"]) == nil)
    #expect(try match("127.0.0.2:80", ["127.0.0.1:80"]) == nil)
    #expect(try match("[::1]:80", ["127.0.0.1:80"]) == nil)
  }

  @Test func aMappedAddressIsTheIPv4OneUnlessIPv6Only() throws {
    #expect(try match("[::ffff:127.0.0.1]:80", ["127.0.0.1:80"])?.0 == 0)
    #expect(try match("[::ffff:127.0.0.1]:80", v6Only: true, ["127.0.0.1:80"]) == nil)
  }

  @Test func aWildcardThatIsHeldItselfCoversTheOthers() throws {
    let both = ["0.0.0.0:80", "[::]:80"]
    let dual = try #require(try match("[::]:80", both))
    #expect(dual.0 == 1)
    #expect(dual.1 == [0])
    #expect(try match("[::]:80", both, adopted: [0])?.1 == [])
    #expect(try match("[::]:80", v6Only: true, both)?.1 == [])
    #expect(try match("0.0.0.0:80", both)?.1 == [])
    let wider = try #require(try match("0.0.0.0:80", ["0.0.0.0:80", "127.0.0.1:80"]))
    #expect(wider.0 == 0)
    #expect(wider.1 == [1])
  }

  @Test func aWildcardTakesOneAndCoversTheOthers() throws {
    let both = ["127.0.0.1:80", "[::1]:80"]
    let dual = try #require(try match("[::]:80", both))
    #expect(dual.0 == 1)
    #expect(dual.1 == [0])
    let v4 = try #require(try match("0.0.0.0:80", both))
    #expect(v4.0 == 0)
    #expect(v4.1.isEmpty)
    let only = try #require(try match("[::]:80", v6Only: true, both))
    #expect(only.1.isEmpty)
  }

  @Test func amongEqualsOneThatIsStillFreeIsTaken() throws {
    let held = ["127.0.0.1:80", "127.0.0.2:80"]
    #expect(try match("0.0.0.0:80", held)?.0 == 0)
    #expect(try match("0.0.0.0:80", held, adopted: [0])?.0 == 1)
  }

  @Test func aHeldWildcardIsTakenForAnAddressWithinIt() throws {
    #expect(try match("127.0.0.1:80", ["[::]:80"])?.0 == 0)
    #expect(try match("0.0.0.0:80", ["[::]:80"])?.0 == 0)
    #expect(try match("[::1]:80", ["0.0.0.0:80"]) == nil)
  }

  @Test func portZeroIsTheServersOwnAffair() throws {
    #expect(try match("127.0.0.1:0", ["127.0.0.1:80"]) == nil)
  }
}
