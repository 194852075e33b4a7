"""Story writing by rule: a concept becomes characters, scenes and beats."""
