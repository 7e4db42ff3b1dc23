import Linux

/// Where a service's words and our own go.
final class ServiceChannels {
  let errorChannel: OutputChannel
  let narrator: Narrator
  private let outputs: [OutputChannel]

  init(_ options: ServiceOptions, loop: EventLoop) throws(ServiceError) {
    do throws(Errno) {
      errorChannel = try OutputChannel(2, loop: loop)
      let own = options.writesJSON ? try OutputChannel(1, loop: loop) : errorChannel
      narrator = Narrator(name: options.name, writesJSON: options.writesJSON, channel: own)
      outputs = options.writesJSON ? [own, errorChannel] : [errorChannel]
    } catch { throw ServiceError("cannot set up: \(error)") }
  }

  /// At the end: gives readers a last chance.
  func finish() { for output in outputs { output.finish() } }
}
