"""One call: reserve, submit once, poll, fetch, store. Also recovery and replay from the store."""
