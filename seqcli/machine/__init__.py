"""Where a model is trained: device, precision, threads, and the processes that share the work."""
