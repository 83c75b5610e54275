"""The sandbox post office: a separate program that speaks the agency contract; the product never imports it."""
