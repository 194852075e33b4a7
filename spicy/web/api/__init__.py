"""The HTTP API: one module for each wire format, over the job queue."""
