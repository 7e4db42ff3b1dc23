import Testing

/// What needs real processes and measures, or makes much work for the machine: one test at a time, and nothing beside it.
@Suite(.serialized) enum ServerTests {}

// These two mostly wait. One of each at a time does the other no harm.

/// How services get their sockets, begin, serve and end.
@Suite(.serialized) enum LifeTests {}

/// What keeps services up, and what is told of it.
@Suite(.serialized) enum WatchTests {}
