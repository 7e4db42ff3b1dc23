import Foundation
import Glibc
import Linux
import Testing

@testable import Torpor

/// Pins in the journal: who wants a unit to stay up, after a restart, too.
@Suite struct EventJournalPinTests {
  @Test func eachPinIsReleasedByItself() throws {
    let scene = try JournalScene()
    let journal = scene.journal()
    func pin(_ id: Int, at time: Double, until end: Double?) {
      journal.append(
        .made("pinned", at: time) {
          $0.pin = id
          $0.holder = "user \(id)"
          $0.expires = end
        })
    }
    pin(1, at: 100, until: 200)
    pin(2, at: 110, until: nil)
    pin(3, at: 120, until: 300)
    #expect(scene.journal().state.pins(at: 150)["redis"]?.map(\.id) == [1, 2, 3])
    #expect(journal.state.pins(at: 200)["redis"]?.map(\.id) == [2, 3])
    journal.append(.made("released", at: 160) { $0.pin = 2 })
    #expect(journal.state.pins(at: 160)["redis"]?.map(\.holder) == ["user 1", "user 3"])
    pin(4, at: 250, until: nil)
    #expect(journal.state.units["redis"]?.pins.map(\.id) == [3, 4])
    for id in 5..<1000 { pin(id, at: 260, until: nil) }
    #expect(journal.state.units["redis"]?.pins.count == UnitHistory.pinsMax)
    journal.rotate()
    #expect(scene.journal().state == journal.state)
    journal.append(.made("released", at: 270))
    #expect(scene.journal().state.pins(at: 270).isEmpty)
  }

  /// What `torpor hold --for` asks for holds on when the manager has been killed.
  @Test func everyHoldWithAnEndIsThereAfterARestart() throws {
    let scene = try JournalScene()
    func holds(_ journal: EventJournal) throws -> UnitHolds {
      let holds = UnitHolds(loop: try EventLoop())
      holds.onChange = { [unowned holds] in journal.setPins(holds.all, of: "redis") }
      return holds
    }
    let first = scene.journal()
    let before = try holds(first)
    _ = try before.add(seconds: 3600, reason: "dump", holder: "torpor[1]")
    _ = try before.add(seconds: nil, reason: nil, holder: "torpor[2]")
    _ = try before.add(seconds: 7200, reason: nil, holder: "torpor[3]")
    _ = try before.add(seconds: 1800, reason: nil, holder: "torpor[4]")
    #expect(before.release(3) == 1)
    #expect(scene.lines().count == 4)
    let second = scene.journal()
    let after = try holds(second)
    after.restore(second.holds(of: "redis", at: WallClock.now()))
    #expect(after.all.map(\.id) == [1, 4])
    #expect(after.all.map(\.holder) == ["torpor[1]", "torpor[4]"])
    #expect(after.all.map(\.until) == [before.all[0].until, before.all[2].until])
    #expect(after.all[0].reason == "dump")
    // Nothing has happened, so nothing is written.
    #expect(scene.lines().count == 4)
    #expect(try after.add(seconds: 10, reason: nil, holder: "torpor[5]").id == 5)
    #expect(after.release(nil) == 3)
    #expect(scene.journal().holds(of: "redis", at: WallClock.now()) == [])
    #expect(second.holds(of: "redis", at: WallClock.now() + 1e6) == [])
  }
}
