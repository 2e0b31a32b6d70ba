-- What is there from the start: the command, the maps, the server. Everything else loads on use.
local options = require('squill.options')

vim.api.nvim_create_user_command('Squill', function(call) require('squill.commands').run(call) end, {
  nargs = '*',
  desc = 'Squill: SQL from comments',
  complete = function(lead, line) return require('squill.commands').complete(lead, line) end,
})

for name, accept in pairs({ accept = 'all', ['accept-word'] = 'word', ['accept-line'] = 'line' }) do
  vim.keymap.set('i', ('<Plug>(squill-%s)'):format(name), function()
    require('squill').accept(accept)
  end, { desc = ('Squill: take %s of the ghost text'):format(accept) })
end
vim.keymap.set('i', '<Plug>(squill-dismiss)', function() require('squill').dismiss() end, {
  desc = 'Squill: hide the ghost text',
})
vim.keymap.set('i', '<Plug>(squill-request)', function() require('squill').request() end, {
  desc = 'Squill: ask for ghost text here',
})

vim.api.nvim_set_hl(0, 'SquillGhost', { link = 'Comment', default = true })

vim.api.nvim_create_autocmd('LspAttach', {
  group = vim.api.nvim_create_augroup('squill', {}),
  desc = 'Squill: ghost text in this buffer',
  callback = function(event)
    local client = vim.lsp.get_client_by_id(event.data.client_id)
    if client and client.name == 'squill' then require('squill').attach(client, event.buf) end
  end,
})

if options.get('enable') then vim.lsp.enable('squill') end
