"""Catalogues of words: `vi` for the English words of the frameworks, `en` for our own, which are Vietnamese."""
