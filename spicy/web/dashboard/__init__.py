"""Pages for the browser: new films, runs as they go on, takes and pins, and the store."""
