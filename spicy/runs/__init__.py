"""The runs database, `build/spicy.db`: what every build made, and what one that is under way is making."""
