"""A saved model at work: loading, streams of answers, sampling, explanation, output tables."""
