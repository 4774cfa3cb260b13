"""The read side: one memory-mapped index file per node, answering every lookup; the only code that speaks LMDB."""
