/// What to do. Actions are carried out in their order; one that asks something is answered by one event, at once or later.
public enum Action: Equatable, Sendable {
  /// Watch the held sockets for a connection.
  case arm
  case disarm
  /// Start the service with the current sockets.
  case spawn
  /// Take the process that the service left behind for its main one.
  case followSuccessor
  /// Record closed connections and datagrams read for the next sample, from now on.
  case recordCloses
  /// Record them, and tell with `connectionClosed` as soon as there is one.
  case watchCloses
  /// Stop recording them: what the next instance does begins at nothing.
  case forgetCloses
  case readQueues(Query)
  case sample(Query)
  /// Make a second socket for each of these, that nothing new goes to yet.
  case openNext(sockets: Set<Int>)
  /// Stream sockets only: datagrams go to the current ones until `commitDatagrams`.
  case steer(SteeringTarget)
  /// Send every new datagram to the next sockets: for good, as soon as one has come to these.
  case commitDatagrams
  /// Send them to the current ones again. What the next ones have received stays there.
  case withdrawDatagrams
  /// Wait until every SYN whose listener was chosen before has been dealt with.
  case barrier(Query)
  /// Accept what waits on the next sockets of these and relay it to the current ones.
  case relayStrays(sockets: Set<Int>)
  /// Close the next sockets; what waits there moves to the current ones.
  case closeNext
  /// The next sockets become the current ones, which are closed. What still waits at a unix path's old one is relayed to its
  /// new one.
  case swap
  /// listen() again: a service can shrink the backlog or shut the socket down.
  case listenAgain
  /// Serve these by way of one that the service has bound, where they mean the same to whoever named them; `adopted` tells.
  case relayUnbound(sockets: Set<Int>)
  /// Stop holding sockets that the service never took, so that their clients are refused instead of left hanging.
  case abandon(sockets: Set<Int>)
  /// SIGTERM to the main process.
  case terminateMain
  /// The watchdog's signal to the main process, as it doesn't heed any other.
  case abortMain
  /// SIGTERM to every process of the service. Not with `KillMode.process`.
  case terminateAll
  /// SIGKILL to every process of the service; with `KillMode.process` to the main one alone.
  case killAll
  /// Stop every process of the service where it is (cgroup.freeze).
  case freeze(Query)
  case thaw
  /// Take a duplicate of each of its connections and tell when something comes by one.
  case holdConnections(Query)
  /// Close the duplicates: while we have one, the service can't close its connection.
  case releaseConnections
  /// Let the kernel take the memory of the frozen processes.
  case releaseMemory
  case report(Report)
  /// Everything is done: leave.
  case finish
}

/// Where the constant steering program sends every new connection.
public enum SteeringTarget: Equatable, Sendable {
  /// The sockets that the service has.
  case current
  /// The sockets that it doesn't have.
  case next
}

/// What a person is told. The shell knows the names and adds them.
public enum Report: Equatable, Sendable {
  case dormant
  case waking
  /// Ready, this long after the wake began.
  case serving(after: Duration)
  /// Started by `verifyRequested`, it is ready to be checked, and runs until `verificationEnded`.
  case readyToVerify(after: Duration)
  case resting(idle: Duration)
  /// Somebody came during the drain: back to work.
  case restAborted(strays: Int)
  case restImpossible(retryIn: Duration)
  case rested(awake: Duration)
  case frozen
  case thawed(after: Duration)
  /// A start failed, or a running service died. `waiting` clients are in the queues; `retryIn` is the wait before the next try.
  case failed(Failure, waiting: Int, retryIn: Duration)
  /// It ended by itself without an error.
  case leftByItself(awake: Duration)
  /// It is started again though nobody waits, as its restart policy says.
  case restarting(in: Duration)
  /// Too many failed starts, or wakes that served nobody: from now on each is followed by the longest wait.
  case startLimitHit(retryIn: Duration)
  case triggerLimitHit(retryIn: Duration)
  /// The main process left others behind, and one of them is the main one now.
  case wentToBackground
  case neverBound(sockets: Set<Int>)
  case listenerShutDown(socket: Int)
  case stopTimedOut(after: Duration)
  case leftoversKilled
  case stopping
  case stopped
}

public enum Failure: Equatable, Sendable {
  case cannotStart
  case diedStarting(ExitStatus)
  case died(ExitStatus)
  case startTimedOut(after: Duration)
  /// It has run for as long as it may.
  case ranTooLong(after: Duration)
  /// It went away again and again without taking the connection it was started for.
  case leftClientsWaiting(ExitStatus)
  /// It had stopped telling that it is alive.
  case watchdog
}
