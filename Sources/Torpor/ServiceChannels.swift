import Linux

/// Where the words of a service that runs in the foreground go, and our own.
final class ServiceChannels {
  let errorChannel: OutputChannel
  let narrator: Narrator
  private let outputs: [OutputChannel]

  init(_ options: ServiceOptions, loop: EventLoop) throws(ServiceError) {
    do throws(Errno) {
      let errorChannel = try OutputChannel(2, loop: loop)
      self.errorChannel = errorChannel
      let own = options.writesJSON ? try OutputChannel(1, loop: loop) : errorChannel
      let writesJSON = options.writesJSON
      narrator = Narrator(name: options.name) { record, sentence in
        if writesJSON {
          if let line = record().line { own.write(line) }
        } else if let sentence {
          own.write("torpor: \(sentence)\n")
        }
      }
      outputs = options.writesJSON ? [own, errorChannel] : [errorChannel]
    } catch { throw ServiceError("cannot set up: \(error)") }
  }

  /// At the end: gives readers a last chance.
  func finish() { for output in outputs { output.finish() } }
}
