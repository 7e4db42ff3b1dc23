import Glibc

/// Where the greeter listens.
struct Settings {
  private(set) var host = "127.0.0.1"
  private(set) var port: UInt16 = 8080

  init(arguments: ArraySlice<String>) {
    var rest = arguments
    while let option = rest.popFirst() {
      switch (option, rest.popFirst()) {
      case ("--host", let host?): self.host = host
      case ("--port", let number?):
        guard let port = UInt16(number), port > 0 else { fail("\(number) is not a port", exitCode: 2) }
        self.port = port
      default: fail("usage: greeter [--port 8080] [--host 127.0.0.1]", exitCode: 2)
      }
    }
  }
}
