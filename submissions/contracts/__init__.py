"""What a partner promises: the contract's language, its model, and the questions put to it."""
