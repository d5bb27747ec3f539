"""Train, evaluate, sample from and classify with recurrent networks, at the shell."""

__version__ = "0.1.0"
