"""Spells the hook right and forgets to mark it, so that it would never be called."""


def asd_systems() -> list:
    return []
