"""What the studio answers, as types, by what they are about."""
