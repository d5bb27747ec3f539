def classify() -> None:
    """Being written."""
