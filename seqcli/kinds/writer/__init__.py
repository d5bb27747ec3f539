"""A label in, a text out (1 -> N): a language model of texts that each have a label."""
