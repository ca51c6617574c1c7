"""How good an answer is: splits and metrics over arrays and ids. Knows only types and errors."""
