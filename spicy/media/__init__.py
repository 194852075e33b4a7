"""Media on this machine: probing, frames, joining clips to a film. No spec, store or money is known here."""
