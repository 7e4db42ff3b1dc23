import Foundation
import Testing

/// One server of the matrix under one torpord with the others, what keeps it up, and what became of it.
final class EvidenceRow {
  let name: String
  let unit: String
  private let evidence: Evidence
  private let folder: TemporaryDirectory
  private let endpoint: Endpoint
  private let own: Endpoint?
  private let request: SlowRequest
  private let question: Question
  private let front: RunningFront?
  /// Who wakes it.
  private var visitor: Client?
  /// Who keeps it up.
  private var client: Client?
  private var hammer: Hammer?
  private var nextData = 0.0
  private var isServing = false
  private var begun: Double?
  private(set) var ended: Double?
  private var restedAt: Double?
  private(set) var isRested = false
  private(set) var problems: [String] = []

  /// nil: this evidence is none that the server has.
  init?(_ server: MatrixServer, _ evidence: Evidence) throws {
    self.evidence = evidence
    name = String(server.name.map { $0.isLetter || $0.isNumber ? $0 : "-" })
    let folder = try TemporaryDirectory()
    folder.makeWorldWritable()
    self.folder = folder
    let port = try freePort()
    let held = (server.sockets.first ?? []).map { $0.endpoint(port: port, path: folder.path(server.pathName)) }
    endpoint = held.first { $0.path == nil && !$0.isDatagram } ?? held[0]
    var setup = try server.setUp(MatrixServer.Place(directory: folder, held: held, handover: .auto))
    own = evidence == .ownListener ? try server.ownListener(&setup, in: folder, heldPort: port) : nil
    if evidence == .ownListener, own == nil { return nil }
    request = .to(server)
    question = setup.question("evidence")
    front = evidence == .processing ? try setup.front.map { try RunningFront($0) } : nil
    var text = setup.unit(holding: held, idle: "\(Int(Evidence.timeout))s", more: evidence.settings(folder))
    if evidence == .busyCheck { try folder.write("", to: "busy") }
    if evidence == .word {
      try folder.write("", to: "busy")
      let speaker = try folder.write(Self.speaker, to: "speaker.py")
      text = text.replacingOccurrences(
        of: "[X-Idle]",
        with: """
          NotifyAccess=all
          ExecStartPost=/bin/sh -c "/usr/bin/python3 -SE \(speaker) \(folder.path("busy")) &"
          [X-Idle]
          """)
    }
    unit = text
  }

  /// A process of the service that says that it is busy for as long as a file is there.
  private static let speaker = """
    import os, socket, sys, time
    name = os.environ["NOTIFY_SOCKET"]
    def say(text):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.sendto(text, "\\0" + name[1:] if name[0] == "@" else name)
    say(b"X-BUSY=1")
    while os.path.exists(sys.argv[1]): time.sleep(0.05)
    say(b"X-IDLE=1")
    # Whose word it was is looked up when it is read.
    time.sleep(2)
    """

  func begin(_ manager: ManagerProcess) throws {
    switch evidence {
    case .connection, .data:
      client = try Client(beginConnectingTo: endpoint)
      if evidence == .data { client?.sendKeepaliveProbes() }
    case .processing:
      // A client that doesn't count would wake it only to let it rest.
      try manager.torpor("wake", name)
    case .hold:
      try manager.torpor("hold", name, "--for", "10min")
      visitor = try Client(beginConnectingTo: endpoint)
    case .ownListener, .busyCheck, .word: visitor = try Client(beginConnectingTo: endpoint)
    }
  }

  func note(_ event: EventMonitor.Event) {
    switch event.event {
    case "serving": isServing = true
    case "resting": restedAt = restedAt ?? event.time
    case "rested": isRested = true
    // Not the failed try to rest itself, which a busy machine may bring, but what comes of it, is judged.
    case "left", "failed", "never-bound", "warning": problems.append("\(event.event): \(event.message ?? "")")
    default: break
    }
    if restedAt != nil, ended == nil { problems.append("it rests before the evidence ends") }
  }

  /// Begins when it serves, keeps the evidence up for more than two timeouts, and ends it.
  func step(_ manager: ManagerProcess) throws {
    guard isServing, ended == nil, problems.isEmpty else { return }
    let now = wallClockSeconds()
    guard let begun else {
      if try engage() { begun = wallClockSeconds() }
      return
    }
    if evidence == .data, now >= nextData {
      nextData = now + 0.5
      try client?.send(request.more)
    }
    if now - begun > 2.1 * Evidence.timeout { try end(manager) }
  }

  private func engage() throws -> Bool {
    visitor?.close()
    switch evidence {
    case .connection, .data: try client?.send(request.beginning)
    case .ownListener:
      // It may open it after the held one.
      guard let own, let client = try? Client(connectingTo: own) else { return false }
      try client.send(request.beginning)
      self.client = client
    case .processing:
      hammer = try Hammer(front?.endpoint ?? endpoint, question, clients: 4, meanPause: .milliseconds(1))
    case .busyCheck, .word, .hold: break
    }
    return true
  }

  private func end(_ manager: ManagerProcess) throws {
    var last = wallClockSeconds()
    switch evidence {
    case .connection, .ownListener:
      if let client, !client.isOpen { problems.append("the server has closed the connection") }
      client?.close()
    // It stays open, with its probes.
    case .data: last = nextData - 0.5
    case .processing:
      let tally = try hammer?.finish()
      if (tally?.ok ?? 0) < 100 { problems.append("it was asked too seldom: \(tally?.ok ?? 0) times") }
      last = wallClockSeconds()
    case .busyCheck, .word: unlink(folder.path("busy"))
    case .hold: try manager.torpor("release", name)
    }
    ended = last
  }

  func finish() { front?.end() }

  /// What is to be seen of it in the end.
  func check() {
    for problem in problems { Issue.record("\(name), \(evidence.rawValue): \(problem)") }
    guard problems.isEmpty else { return }
    guard let ended, let restedAt, isRested else {
      Issue.record("\(name), \(evidence.rawValue): no rest (serving \(isServing), evidence ended \(ended != nil))")
      return
    }
    let late = restedAt - ended
    // An eighth more is what is promised; the rest is what a busy machine may need to run all of us.
    #expect(late <= Evidence.timeout * 9 / 8 + 1, "\(name), \(evidence.rawValue): \(late) s after its end")
    if let shortest = evidence.shortest {
      #expect(late >= shortest, "\(name), \(evidence.rawValue): \(late) s after its end")
    }
    print("evidence: \(evidence.rawValue): \(name) rests \((late * 100).rounded() / 100) s after its end")
  }
}
