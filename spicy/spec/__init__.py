"""The user's YAML file: read with places, checked as a whole, frozen."""
