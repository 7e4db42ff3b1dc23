import Linux

/// A service whose sockets are held, as whoever runs it sees it.
protocol HeldService: AnyObject {
  /// Begins to serve.
  func begin() throws(Errno)
  /// Ends the service, and tells by `onEnd`. A second call does so at once.
  func stop()
  var phase: UnitStatus.State { get }
  /// Takes up what its owner wants from now on, and returns false if that has to wait until nothing of it runs: nothing has
  /// changed then. Throws if it can't be had.
  func replaceOptions(_ new: ServiceOptions) throws(ServiceError) -> Bool
  /// Everything is done.
  var onEnd: (() -> Void)? { get set }
}
