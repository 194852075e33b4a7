"""spicy: make for AI video. A short YAML spec in, a multi-scene film out, nothing paid twice."""

__version__ = "0.1.0"
