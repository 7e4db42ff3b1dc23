import Glibc
import Testing

@testable import Units

@Suite struct ManualPageTests {
  private static let path = #filePath.replacing(
    "Tests/Units/Manual/ManualPageTests.swift", with: "docs/man/torpor.unit.5")

  /// With TORPOR_WRITE_MANUAL=1 in the environment it is written first.
  @Test func isUpToDate() throws {
    let page = ManualPage.render()
    if getenv("TORPOR_WRITE_MANUAL") != nil {
      let stream = try #require(fopen(Self.path, "w"))
      fputs(page, stream)
      fclose(stream)
    }
    let bytes = try #require(Disk.bytes(Self.path))
    #expect(
      String(decoding: bytes, as: UTF8.self) == page,
      "run: TORPOR_WRITE_MANUAL=1 swift test --filter ManualPageTests")
  }

  @Test func namesEveryKeyOnce() {
    let page = ManualPage.render()
    for key in KeyTable.all.flatMap(\.keys) where key.status == .implemented {
      #expect(!key.meaning.isEmpty && !key.type.isEmpty, "\(key.name)")
      let heads = page.split(separator: "\n").count { $0.hasPrefix(".BI \(Roff.escape(key.name))= ") }
      let own = KeyTable.all.count { table in
        table[key.name].map { $0.status == .implemented && $0.meaning != key.meaning } ?? false
      }
      #expect(heads == own + 1, "\(key.name) is there \(heads) times")
    }
    for key in KeyTable.all.flatMap(\.keys) { #expect(page.contains("\(Roff.escape(key.name))="), "\(key.name)") }
  }

  @Test func textIsNoRequest() {
    var page = Roff()
    page.prose(".a-b \\ 'x. Next. e.g. this")
    #expect(page.text == "\\&.a\\-b \\e 'x.\nNext. e.g. this\n")
  }
}
