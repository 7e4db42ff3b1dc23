import Testing

/// What needs real processes and measures, or makes much work for the machine: one test at a time, and nothing beside it.
@Suite(.serialized) enum ServerTests {}

// These two mostly wait. One of each at a time does the other no harm.

/// What uses the databases that are prepared once for all tests, and may have only one server at a time.
@Suite(.serialized) enum SharedDataTests {}

/// What has all that it needs for itself.
@Suite(.serialized) enum OwnDataTests {}
