"""Networks: torch from here on; sizes and tensors in, never settings."""
