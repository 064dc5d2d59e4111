"""Identity, purely: which events follow from a wish, and what state follows from events; and who may do what."""
