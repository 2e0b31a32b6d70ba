"""The trainer's subcommands, one module each."""
