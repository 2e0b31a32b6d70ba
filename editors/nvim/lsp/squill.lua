-- What `vim.lsp.enable('squill')` starts (Neovim 0.11 or newer).
return {
  cmd = { 'squill', 'lsp' },
  filetypes = { 'sql', 'mysql', 'plsql' },
  root_markers = { 'squill.toml', '.git' },
}
