import Linux

/// A service whose sockets are held, as whoever runs it sees it.
protocol HeldService: AnyObject {
  /// Begins to serve.
  func begin() throws(Errno)
  /// Ends the service, and tells by `onEnd`. A second call does so at once.
  func stop()
  /// A child of ours has ended.
  func childEnded()
  /// Everything is done.
  var onEnd: (() -> Void)? { get set }
}
