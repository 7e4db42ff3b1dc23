import ArgumentParser
import Glibc

/// The command line. Exits with 0 when nothing was lost and nothing was slow, with 1 when something was, with 2 when it
/// was called wrongly.
@main
struct HammerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hammer",
    abstract: "Hammers a server with clients and counts what is lost.",
    discussion: """
      Runs until standard input ends, or --seconds or --requests is reached, whichever is first; then finishes what is \
      in flight and prints one line of JSON. When --seconds or --requests is given, a standard input that is /dev/null \
      is not watched.
      """)

  @Option(help: "The server's port.")
  var port: UInt16?
  @Option(help: "The server's unix socket instead of a port: /path, @name, seqpacket:/path.")
  var unix: String?
  @Flag(help: "Datagrams instead of connections: a request and its reply are one each.")
  var udp = false
  @Option(help: "The server's address or name.")
  var host = "127.0.0.1"
  @Option(help: "How many clients at a time.")
  var clients = 4
  @Option(name: .customLong("mean-pause-us"), help: "The mean of a client's exponential pauses, in microseconds.")
  var meanPauseMicroseconds = 3000.0
  @Option(
    help: """
      What is said: redis (PING), http (GET), line (hello), text (--query as it is), mysql, postgres (one value), mongo \
      (the first document of DATABASE.COLLECTION), dns (an A record).
      """)
  var request = RequestKind.redis
  @Option(help: "What is asked: a path, a text, a statement, a collection, a name. %00 is a zero byte, %25 a %.")
  var query: String?
  @Option(help: "The one right answer: body, text, value or address.")
  var expect: String?
  @Option(help: "How many of 100 connections are kept open after the first reply, for a second one.")
  var holdPercent = 5.0
  @Option(name: .customLong("hold-ms"), help: "The longest hold, in milliseconds; each is shorter at random.")
  var holdMilliseconds = 120.0
  @Option(
    name: .customLong("aim-us"),
    help: "The first client comes back this many microseconds after it closed: at the moment of a rest.")
  var aimMicroseconds: Double?
  @Option(name: .customLong("aim-spread-us"), help: "… and up to this many later.")
  var aimSpreadMicroseconds = 1500.0
  @Option(name: .customLong("timeout-ms"), help: "How long a reply may take, connecting included, in milliseconds.")
  var timeoutMilliseconds = 15_000.0
  @Option(help: "How long to run.")
  var seconds: Double?
  @Option(help: "How many requests to make.")
  var requests: Int?
  @Option(help: "The seed of pauses and holds; random by default.")
  var seed: UInt64?

  static func main() {
    do {
      let command = try parse()
      try command.run()
    } catch {
      let message = fullMessage(for: error)
      let code = exitCode(for: error)
      if !message.isEmpty { writeLine(message, to: code == .success ? STDOUT_FILENO : STDERR_FILENO) }
      Glibc.exit(code == .validationFailure ? 2 : code.rawValue)
    }
  }

  func validate() throws {
    guard (port == nil) != (unix == nil) else { throw ValidationError("Either --port or --unix is needed.") }
    guard !udp || port != nil else { throw ValidationError("--udp needs a --port.") }
    guard port ?? 1 > 0 else { throw ValidationError("--port must be from 1 to 65535.") }
    guard !request.needsQuery || (query != nil && expect != nil) else {
      throw ValidationError("--request \(request.rawValue) needs --query and --expect.")
    }
    guard (1...20_000).contains(clients) else { throw ValidationError("--clients must be from 1 to 20000.") }
    guard (0...100).contains(holdPercent) else { throw ValidationError("--hold-percent must be from 0 to 100.") }
    let dayMilliseconds = 86_400_000.0
    for (name, value, max) in [
      ("mean-pause-us", meanPauseMicroseconds, dayMilliseconds * 1000), ("hold-ms", holdMilliseconds, dayMilliseconds),
      ("aim-us", aimMicroseconds ?? 0, dayMilliseconds * 1000),
      ("aim-spread-us", aimSpreadMicroseconds, dayMilliseconds * 1000),
      ("seconds", seconds ?? 0, dayMilliseconds * 1000),
    ] where !(0...max).contains(value) {
      throw ValidationError("--\(name) must be from 0 to \(Int(max)).")
    }
    guard timeoutMilliseconds >= 1, timeoutMilliseconds <= dayMilliseconds else {
      throw ValidationError("--timeout-ms must be from 1 to \(Int(dayMilliseconds)).")
    }
    guard requests ?? 1 > 0 else { throw ValidationError("--requests must be at least 1.") }
  }

  func run() throws {
    var endpoint: Endpoint
    do throws(Endpoint.Unresolvable) {
      endpoint = if let unix { try Endpoint(path: unix) } else { try Endpoint(host: host, port: port ?? 0) }
    } catch {
      throw ValidationError(error.description)
    }
    endpoint.isDatagram = udp
    let request = Request(
      kind: request, query: unescaped(query ?? ""), expected: expect.map(unescaped), isDatagram: udp)
    let behaviour = Behaviour(
      endpoint: endpoint, request: request, meanPauseMicroseconds: meanPauseMicroseconds, holdPercent: holdPercent,
      holdNanosecondsMax: Int(holdMilliseconds * 1_000_000),
      timeoutNanoseconds: Int(timeoutMilliseconds * 1_000_000),
      aimMicroseconds: aimMicroseconds.map { $0...($0 + aimSpreadMicroseconds) })
    let seed = seed ?? UInt64.random(in: 0...UInt64(UInt32.max))
    let conductor = Conductor(
      behaviour: behaviour, clients: clients, seed: seed, secondsMax: seconds, requestsMax: requests)
    do {
      let (tally, elapsed) = try conductor.conduct()
      writeLine(tally.report(elapsedNanoseconds: elapsed, seed: seed), to: STDOUT_FILENO)
      // Nothing asked is nothing shown.
      if tally.requests == 0 { writeLine("hammer: no request was made before the end", to: STDERR_FILENO) }
      if tally.lost > 0 || tally.slow > 0 || tally.requests == 0 { throw ExitCode.failure }
    } catch is Conductor.ThreadsExhausted {
      writeLine("hammer: cannot start \(clients) threads; try fewer --clients", to: STDERR_FILENO)
      throw ExitCode(2)
    }
  }
}

private func unescaped(_ text: String) -> String {
  text.replacing("%00", with: "\0").replacing("%25", with: "%")
}
