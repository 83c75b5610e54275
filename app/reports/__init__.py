"""Reports: set-based SQL in scope, shown on screen and written to files. No page and no route."""
