"""What every element of every tensor in a network sees of its input: the algebra behind receptive fields."""
