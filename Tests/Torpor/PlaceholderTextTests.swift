import Testing

@testable import Torpor

@Suite struct PlaceholderTextTests {
  private let two = [
    PlaceholderText.Socket(name: "web", address: "127.0.0.1:80", number: 3),
    PlaceholderText.Socket(name: "admin", address: "127.0.0.1:81", number: 4),
  ]

  private func expand(_ text: String, _ sockets: [PlaceholderText.Socket]) throws -> String {
    try PlaceholderText(text).expanded(sockets)
  }

  private func mistake(_ text: String, _ sockets: [PlaceholderText.Socket]) throws -> String {
    do {
      return "no mistake: \(try expand(text, sockets))"
    } catch let mistake as PlaceholderText.Mistake { return mistake.description }
  }

  @Test(arguments: [
    ("%{fd:web}", "3"), ("fd@%{fd:admin}", "fd@4"), ("%{fds}", "3 4"), ("NGINX=%{fds:;}", "NGINX=3;4;"),
    ("%{fds:, }", "3, 4, "), ("127.0.0.1:80=%{fd:web},127.0.0.1:81=%{fd:admin}", "127.0.0.1:80=3,127.0.0.1:81=4"),
    ("%{fds::}", "3:4:"), ("plain", "plain"), ("", ""), ("100%%", "100%"), ("%%{fd:web}", "%{fd:web}"),
    ("%%%{fd:web}", "%3"), ("+%Y-%m-%d", "+%Y-%m-%d"), ("ends in %", "ends in %"), ("{fd}", "{fd}"),
  ]) func aPlaceholderIsItsSocketsNumber(text: String, expected: String) throws {
    #expect(try expand(text, two) == expected)
  }

  @Test func theOnlySocketNeedsNoName() throws {
    #expect(try expand("fd@%{fd}", [two[1]]) == "fd@4")
    #expect(try expand("%{fds:;}", [two[1]]) == "4;")
  }

  @Test func anUnknownNameIsToldWithTheKnownOnes() throws {
    let told = try mistake("fd@%{fd:wbe}", two)
    #expect(told == "'%{fd:wbe}' names no socket; there are 'web', 'admin'")
    #expect(try mistake("%{fd:x}", [two[0]]) == "'%{fd:x}' names no socket; there is 'web'")
  }

  @Test func oneNumberForTwoSocketsIsAMistake() throws {
    let told = try mistake("%{fd}", two)
    #expect(told.contains("'%{fd}'") && told.contains("web=127.0.0.1:80, admin=127.0.0.1:81"), "\(told)")
    let both = [two[0], PlaceholderText.Socket(name: "web", address: "[::1]:80", number: 4)]
    #expect(try mistake("%{fd:web}", both).contains("web=127.0.0.1:80, web=[::1]:80"))
    #expect(try expand("%{fds:;}", both) == "3;4;")
  }

  @Test(arguments: ["%{", "%{fd", "%{}", "%{fdx}", "%{fd:}", "%{fds:}", "%{FD}", "%{http_code}", "a%{ fd}b"])
  func whatIsNoPlaceholderIsNamed(text: String) throws {
    let told = try mistake(text, two)
    #expect(told.contains("'%{") && told.contains("%%"), "\(told)")
  }

  @Test func theSocketsThatACommandNamesAreKnown() throws {
    #expect(try PlaceholderText("fd@%{fd:admin}").numbers(two) == [4])
    #expect(try PlaceholderText("%{fds:;}").numbers(two) == [3, 4])
    #expect(try PlaceholderText("%%{fd:web}").numbers(two).isEmpty)
    #expect(try PlaceholderText("%{fds}").namesDescriptors)
    #expect(try PlaceholderText("%%{fds}").namesDescriptors == false)
  }

  @Test func theProgramItselfIsLeftAsItIs() throws {
    let words = try CommandWords(command: ["%{fd}", "%{fd:web}"], environment: ["A=%{fd:admin}", "B=%%"])
    let expanded = try words.expanded(two)
    #expect(expanded.arguments == ["%{fd}", "3"])
    #expect(expanded.variables == ["A=4", "B=%"])
  }
}
