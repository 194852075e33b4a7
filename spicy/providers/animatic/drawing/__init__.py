"""Drawing tools: vector shapes, colours, lettering, layers, and the final grade."""
