"""Truth tables of app/rules: no database, no web."""
