"""Errors that a user can act on."""


class InputError(ValueError):
    """Bad input, said in one line: what is wrong, where it is, and what to do about it."""
