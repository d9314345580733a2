"""The command line, one file per command. `bootstrap` is the composition root; nothing imports from here."""
