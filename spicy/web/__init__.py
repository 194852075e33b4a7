"""The server's face: HTTP over the queue, the desk and the store. The only room that knows FastAPI."""
