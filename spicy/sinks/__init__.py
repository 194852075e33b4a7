"""Sinks turn a run's events into something a person or a machine can follow."""

from spicy.sinks.factory import choose_sink
from spicy.sinks.fanout import FanOut, NullSink
from spicy.sinks.json_lines import JsonLines
from spicy.sinks.plain import PlainLines

__all__ = ["FanOut", "JsonLines", "NullSink", "PlainLines", "choose_sink"]
