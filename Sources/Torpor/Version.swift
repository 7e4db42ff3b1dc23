/// What this is a version of, for whoever asks a program or the control socket.
public enum TorporVersion {
  public static let current = "0.1.0"
}
