"""How relevance is handed down, layer by layer."""
