"""The engine: one paid call, recovery, freshness, forecast, and the wiring of everything."""
