"""`python -m spicy`."""

from spicy.cli import main

if __name__ == "__main__":
    main()
