import Testing

@testable import Torpor

@Suite struct NotifyReceiverTests {
  @Test func onlyAWholeLineSaysReady() {
    #expect(NotifyReceiver.saysReady(Array("READY=1".utf8)))
    #expect(NotifyReceiver.saysReady(Array("STATUS=up\nREADY=1\nMAINPID=5".utf8)))
    for text in ["", "READY=0", "READY=10", "NOTREADY=1", "STATUS=READY=1", "ready=1", "READY=1 "] {
      #expect(!NotifyReceiver.saysReady(Array(text.utf8)))
    }
  }
}
