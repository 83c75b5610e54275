"""Files people send: read within limits, checked row by row, shown before anything is written, applied whole or not."""
