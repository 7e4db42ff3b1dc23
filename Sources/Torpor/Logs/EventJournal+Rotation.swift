import Linux

/// A file that has grown to its bound becomes `journal.jsonl.1`, and what it amounts to the first lines of the next.
///
/// The new one gets its name when it is whole. It isn't synchronized to the disk, which could take seconds: should a power failure
/// leave it incomplete, the old file is folded first, as it is when a manager ends between the two renames.
extension EventJournal {
  func rotate() {
    do throws(Errno) {
      switch directory {
      case .some(let directory): try rotate(directory)
      case .none: break
      }
    } catch {
      onWarning("cannot begin a new '\(path)/\(Self.name)': \(error); the one that is there grows on")
      rotatesAtBytes = sizeBytes + max(sizeMax / 4, 1)
    }
  }

  private func rotate(_ directory: borrowing PrivateDirectory) throws(Errno) {
    let new = try directory.open(Self.newName, for: .replacing)
    do throws(Errno) {
      let written = try writeState(to: new)
      if try directory.status(Self.name) != nil { try directory.rename(Self.name, to: Self.oldName) }
      try directory.rename(Self.newName, to: Self.name)
      file = consume new
      sizeBytes = written
      // What must be kept may be more than the bound: it is the events that are bounded.
      rotatesAtBytes = written + sizeMax
    } catch {
      directory.remove(Self.newName)
      throw error
    }
  }

  private func writeState(to new: borrowing OwnedFD) throws(Errno) -> Int {
    var head = Narrator.Record(event: JournalLine.snapshot, service: "torpord")
    head.connections = state.units.count
    head.boot = state.boot
    var piece = JournalLine.encode(head).bytes
    var total = 0
    for (unit, history) in state.units {
      piece += JournalLine.encode(unit, history, at: head.time)
      if piece.count >= LineReader.blockBytes {
        total += try Self.writeAll(piece, to: new)
        piece = []
      }
    }
    return total + (try Self.writeAll(piece, to: new))
  }

  private static func writeAll(_ bytes: [UInt8], to file: borrowing OwnedFD) throws(Errno) -> Int {
    var start = 0
    while start < bytes.count {
      let count = try file.write(bytes, from: start)
      if count == 0 { throw .noSpace }
      start += count
    }
    return bytes.count
  }
}
