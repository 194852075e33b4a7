"""The engine: paid calls, recovery, staleness checks, forecast, and the wiring of the parts."""
