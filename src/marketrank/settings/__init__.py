"""The settings, by what they are about. `config` makes one of them all and reads it."""
