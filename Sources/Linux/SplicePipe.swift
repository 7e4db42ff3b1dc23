import CLinux
import Glibc

/// A pipe that bytes pass through on their way from one socket to another, without a copy in our memory (splice(2)).
public struct SplicePipe: ~Copyable {
  private let pipe: Pipe
  public private(set) var held = 0

  public init() throws(Errno) {
    var numbers: (Int32, Int32) = (-1, -1)
    try shim { unsafe cl_pipe(&numbers.0, &numbers.1, 0) }
    pipe = Pipe(reading: OwnedFD(owning: numbers.0), writing: OwnedFD(owning: numbers.1))
  }

  /// The kernel gives the lowest free numbers, so this tells how full our table is.
  public var highestNumber: Int32 { max(pipe.reading.number, pipe.writing.number) }

  /// Takes what `source` has, 64 KiB at most. Returns 0 at its end; throws `.again` when there is nothing now.
  public mutating func fill(from source: borrowing OwnedFD) throws(Errno) -> Int {
    let from = source.number
    let to = pipe.writing.number
    let count = try shim { cl_splice(from, to, 65536) }
    held += count
    return count
  }

  /// Gives `target` what it takes. Throws `.again` when that is nothing now.
  public mutating func drain(to target: borrowing OwnedFD) throws(Errno) {
    let from = pipe.reading.number
    let to = target.number
    let length = held
    let count = try shim { cl_splice(from, to, length) }
    held -= count
  }
}
