"""How a film is made, as data: models, prompts, thresholds, limits, prices, assembly."""
