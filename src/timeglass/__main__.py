"""`python -m timeglass`: the command line."""

from timeglass.cli.main import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
