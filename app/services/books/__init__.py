"""Checking the books: what must hold of our rows as SQL that returns nothing (promise P9). Nothing is mended here."""
