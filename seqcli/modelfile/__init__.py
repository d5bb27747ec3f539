"""The one-file model: is it ours, whole and harmless? Read and written."""
