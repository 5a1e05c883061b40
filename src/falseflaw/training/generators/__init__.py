"""Training of the generators that dataset builds write with: recipes in, saved weights and a card out."""
