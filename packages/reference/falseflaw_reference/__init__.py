"""The reference detector of FalseFlaw, as files; `falseflaw.paths` finds them."""
