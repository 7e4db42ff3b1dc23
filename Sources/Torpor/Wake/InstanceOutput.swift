import Linux

/// Where an instance's own words go, and how its last ones are known.
protocol InstanceOutput: AnyObject {
  /// Makes what a new instance writes to.
  func begin() throws(Errno)
  /// For the child; nil: ours.
  var standardOutput: Int32? { get }
  var standardError: Int32? { get }
  /// The child has them, or could not be started: ours are closed.
  func handedOver()
  /// Its main process has ended, or all of it: takes in what is still on its way, and lets go if `isOver`.
  func drain(isOver: Bool)
  /// The service was looked at: an occasion to see to what it has written.
  func looked()
  /// The last line that said anything; nil when there was none.
  var lastLine: String? { get }
}

/// A service's stderr goes to ours; so does its stdout, where the events have ours to themselves.
final class ForegroundOutput: InstanceOutput {
  private let channel: OutputChannel
  private let takesOutput: Bool
  private let loop: EventLoop
  private var stream: ErrorStream?
  private var writing: OwnedFD?
  private var keptLine: String?

  init(_ channel: OutputChannel, takesOutput: Bool, loop: EventLoop) {
    self.channel = channel
    self.takesOutput = takesOutput
    self.loop = loop
    channel.onRoom = { [weak self] in self?.stream?.resume() }
  }

  func begin() throws(Errno) {
    let pipe = try OwnedFD.pipe()
    stream = try ErrorStream(pipe.reading.duplicate(), to: channel, loop: loop)
    writing = try pipe.writing.duplicate()
    keptLine = nil
  }

  var standardOutput: Int32? { takesOutput ? standardError : nil }

  var standardError: Int32? {
    switch writing {
    case .some(let writing): writing.number
    case .none: nil
    }
  }

  func handedOver() { writing = nil }

  func drain(isOver: Bool) {
    guard let stream else { return }
    if isOver { stream.drainAndClose() } else { stream.drain() }
    keptLine = stream.lastLine ?? keptLine
    if isOver { self.stream = nil }
  }

  func looked() {}

  var lastLine: String? { stream?.lastLine ?? keptLine }
}
