def sample() -> None:
    """Being written."""
