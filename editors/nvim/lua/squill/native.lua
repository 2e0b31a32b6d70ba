-- Ghost text by Neovim's own inline completion (0.12). Written to its documentation
-- (`:help lsp-inline_completion`), for no 0.12 was at hand to try it with.
local parts = require('squill.parts')

local M = {}

--- @param client vim.lsp.Client
function M.attach(client) vim.lsp.inline_completion.enable(true, { client_id = client.id }) end

--- @param part 'all'|'word'|'line'
--- @return boolean taken
function M.accept(part)
  if part == 'all' then return vim.lsp.inline_completion.get() end
  return vim.lsp.inline_completion.get({
    on_accept = function(item)
      local text = item.insert_text
      if type(text) ~= 'string' then return item end
      local taken = parts[part](text)
      -- The acceptance is reported with the last part alone; the rest is offered again.
      if taken ~= text then item.command = nil end
      item.insert_text = taken
      return item
    end,
  })
end

--- @return boolean hidden
function M.dismiss()
  local was_shown = M.visible()
  local buf = vim.api.nvim_get_current_buf()
  vim.lsp.inline_completion.enable(false, { bufnr = buf })
  vim.lsp.inline_completion.enable(true, { bufnr = buf })
  return was_shown
end

function M.request() vim.api.nvim_exec_autocmds('CursorMovedI', { buffer = 0 }) end

--- @return boolean
function M.visible()
  local namespaces = vim.api.nvim_get_namespaces()
  local own = namespaces['nvim.lsp.inline_completion']
  return own ~= nil and #vim.api.nvim_buf_get_extmarks(0, own, 0, -1, { limit = 1 }) > 0
end

return M
