"""Writers of whole photos that this repository did not train as autoencoders."""
