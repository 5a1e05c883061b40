"""The bundled inpainters and autoencoders of FalseFlaw, as files; `falseflaw.paths` finds them."""
