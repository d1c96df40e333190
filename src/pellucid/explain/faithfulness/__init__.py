"""Whether a map is true of the network: what happens to the score when what it points at is changed."""
