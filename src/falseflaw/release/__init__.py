"""From checkpoint to a bundle that is proven to be the model that was measured."""
