"""Analysis of sampled signals. A signal is a one-dimensional numpy array; its rate is in samples per second."""
