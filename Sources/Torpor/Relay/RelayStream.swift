import Linux

/// One direction of a relay. Bytes pass through a pipe and never through our memory.
final class RelayStream {
  private var pipe: SplicePipe
  private(set) var state = State.flowing

  enum State {
    case flowing
    /// The source's end (FIN) has been passed on, after all of its bytes.
    case finished
    /// A side has died: nothing can be passed on any more.
    case broken
  }

  enum Outcome {
    /// One of the two ends has to become ready.
    case waits
    /// Both may still be ready, and it is others' turn.
    case hasMore
    case sourceFailed
    case targetFailed
  }

  /// A turn's work, in splices: 1 MiB at most.
  private static let splicesMax = 16

  init() throws(Errno) { pipe = try SplicePipe() }

  var highestDescriptor: Int32 { pipe.highestNumber }
  var isOver: Bool { state != .flowing }

  func giveUp() { if state == .flowing { state = .broken } }

  func move(from source: RelayEnd, to target: RelayEnd) -> Outcome {
    for _ in 0..<Self.splicesMax {
      guard state == .flowing else { return .waits }
      if pipe.held > 0 {
        guard target.isWritable else { return .waits }
        do throws(Errno) { try pipe.drain(to: target.socket.descriptor) } catch {
          guard error == .again else { return .targetFailed }
          target.isWritable = false
        }
      } else {
        // The pipe is empty: "again" is the socket's word.
        guard source.isReadable else { return .waits }
        do throws(Errno) {
          guard try pipe.fill(from: source.socket.descriptor) == 0 else { continue }
          state = .finished
          // A half-closed connection stays one: the other direction may have an answer to bring.
          target.socket.shutDownWriting()
        } catch {
          guard error == .again else { return .sourceFailed }
          source.isReadable = false
        }
      }
    }
    return .hasMore
  }
}
