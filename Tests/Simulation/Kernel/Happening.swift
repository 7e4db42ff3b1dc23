import Lifecycle

/// Something that happens at a moment of virtual time. Connections, instances and listeners are named by their index.
enum Happening {
  // Clients and their packets.
  case synArrives(Int)
  /// The SYN chose its listener when it arrived; only now is there a SYN_RECV entry.
  case synProcessed(Int)
  case handshakeEnds(Int)
  /// The kernel has given up on a client that vanished (net.ipv4.tcp_synack_retries).
  case handshakeExpires(Int)
  case clientGivesUp(Int)
  case clientCloses(Int)
  case clientSends(Int)

  // The service.
  case binds(instance: Int, socket: Int)
  case startsAccepting(instance: Int)
  case notifiesReady(instance: Int)
  case accepts(instance: Int)
  case acceptReturns(connection: Int)
  case reads(connection: Int)
  case replies(connection: Int)
  case closes(connection: Int)
  case shutsListenerDown(instance: Int)
  case goesToBackground(instance: Int)
  case hangs(instance: Int)
  case notifiesStopping(instance: Int)
  case works(duration: UInt64)
  case mainExits(instance: Int, ExitStatus)
  case childExits(instance: Int)

  // What the kernel tells the shell, each a little later than it happened.
  case observe(Question)
  case answer(Event)
  case timerFires(setting: Int)
  case readable
  case closeAnnounced
  case listenerShutDown(listener: Int)
  /// All processes are frozen, unless a thaw has come since.
  case freezes(turn: Int, Query)
  case heldReadable
  case mainExited(instance: Int, epoch: Int, ExitStatus)
  case allProcessesGone(instance: Int)

  // People.
  case request(Event)
  /// Something of what an owner may ask for, or a service say.
  case wish
  case unpins
  case saysIdle(instance: Int)
  case managerDies
  case managerReturns
  /// From now on whatever is started works.
  case healed
}

extension Happening {
  /// Something is told to the manager: there has to be one, and the one that asked.
  var isForManager: Bool {
    switch self {
    case .observe, .answer, .timerFires, .readable, .closeAnnounced, .listenerShutDown, .mainExited, .allProcessesGone,
      .heldReadable, .notifiesReady, .binds, .request, .wish, .unpins, .saysIdle, .notifiesStopping, .hangs:
      true
    case .synArrives, .synProcessed, .handshakeEnds, .handshakeExpires, .clientGivesUp, .clientCloses, .clientSends,
      .startsAccepting, .accepts, .acceptReturns, .reads, .replies, .closes, .shutsListenerDown, .goesToBackground,
      .mainExits, .childExits, .freezes, .works, .managerDies, .managerReturns, .healed:
      false
    }
  }

  /// Something that the service does by itself, which it can't while it is frozen.
  var isOfService: Bool {
    switch self {
    case .binds, .startsAccepting, .notifiesReady, .accepts, .acceptReturns, .reads, .replies, .closes,
      .shutsListenerDown,
      .goesToBackground, .mainExits, .childExits, .hangs, .notifiesStopping, .saysIdle:
      true
    case .synArrives, .synProcessed, .handshakeEnds, .handshakeExpires, .clientGivesUp, .clientCloses, .clientSends,
      .observe, .answer, .timerFires, .readable, .closeAnnounced, .listenerShutDown, .mainExited, .allProcessesGone,
      .freezes, .heldReadable, .request, .wish, .unpins, .works, .managerDies, .managerReturns, .healed:
      false
    }
  }
}

/// What was asked of the kernel and is looked at some time between the question and its answer.
enum Question {
  /// `isRunning`: as it was when the question was asked.
  case sample(Query, isRunning: Bool)
  case queues(Query)
}
