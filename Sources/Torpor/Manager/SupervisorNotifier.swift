/// Tells whoever runs the manager how it is.
final class SupervisorNotifier {
  enum State { case ready, reloading, stopping }
  func tell(_ state: State, status: String) {}
}
