"""The path of one call: reserve, submit once, poll, fetch, store; also recovery and replay from the store."""
