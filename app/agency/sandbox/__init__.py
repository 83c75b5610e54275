"""The sandbox post office: a separate program that speaks the agency contract; no part of the product."""
