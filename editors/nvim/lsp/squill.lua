-- What `vim.lsp.enable('squill')` starts. Your own `vim.lsp.config('squill', …)` lies over it.
local options = require('squill.options')

-- The server offers completion items to editors that say nothing of ghost text.
local ghost_text = { textDocument = { inlineCompletion = { dynamicRegistration = false } } }

return {
  cmd = vim.list_extend(vim.list_slice(options.command()), { 'lsp' }),
  cmd_cwd = '/', -- not the workspace, whose files are data
  filetypes = { 'sql', 'mysql', 'plsql' },
  root_dir = function(buf, on_dir) on_dir(require('squill.root').of(buf)) end,
  capabilities = options.get('ghost_text') and ghost_text or nil,
  handlers = {
    ['squill/status'] = function(_, status, context)
      require('squill.status').told(context.client_id, status)
    end,
    ['squill/untrusted'] = function(_, left_out) require('squill.trust').told(left_out) end,
  },
}
