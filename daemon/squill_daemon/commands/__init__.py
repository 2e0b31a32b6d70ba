"""The subcommands that this process contributes to `squill`. None imports MLX at the top."""
