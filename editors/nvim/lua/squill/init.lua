-- What other Lua code may call: ghost text and the status line. See `:help squill`.
local M = {}

--- Neovim's own inline completion where there is one (0.12), else ours.
local function ghost() return require(vim.lsp.inline_completion and 'squill.native' or 'squill.ghost') end

--- Take the ghost text at the cursor, or a part of it.
--- @param part? 'all'|'word'|'line'
--- @return boolean taken false where none is shown
function M.accept(part) return ghost().accept(part or 'all') end

--- Hide the ghost text; none is offered until the text changes.
--- @return boolean hidden false where none is shown
function M.dismiss() return ghost().dismiss() end

--- Ask for ghost text at the cursor, also where it would not come by itself.
function M.request() ghost().request() end

--- Whether ghost text is shown.
--- @return boolean
function M.visible() return ghost().visible() end

--- For a status line: what Squill is doing, empty in buffers without it.
--- @return string
function M.statusline() return require('squill.status').line(vim.api.nvim_get_current_buf()) end

--- @param client vim.lsp.Client
--- @param buf integer
function M.attach(client, buf)
  local options = require('squill.options')
  if not options.get('ghost_text') then return end
  ghost().attach(client, buf)
  if options.get('keymaps') then require('squill.keymaps').set(buf) end
end

return M
