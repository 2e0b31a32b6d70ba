"""The language server: table definitions in, ghost text and code actions out. Never imports MLX."""
