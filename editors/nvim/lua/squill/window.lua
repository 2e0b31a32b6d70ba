-- A window for what a command has to show.
local M = {}

--- @param title string
--- @param text string|string[]
--- @param filetype? string
--- @return integer buf
function M.show(title, text, filetype)
  local lines = type(text) == 'string' and vim.split(vim.trim(text), '\n', { plain = true }) or text
  local name = 'squill://' .. title
  local old = vim.fn.bufnr(('^%s$'):format(name))
  if old >= 0 then vim.api.nvim_buf_delete(old, { force = true }) end
  local buf = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_name(buf, name)
  vim.api.nvim_buf_set_lines(buf, 0, -1, false, lines)
  vim.bo[buf].bufhidden = 'wipe'
  vim.bo[buf].modifiable = false
  vim.bo[buf].filetype = filetype or 'squill'
  local height = math.min(math.max(#lines, 1), math.floor(vim.o.lines / 3))
  vim.api.nvim_open_win(buf, true, { split = 'below', win = 0, height = height })
  vim.keymap.set('n', 'q', '<Cmd>close<CR>', { buffer = buf, nowait = true })
  return buf
end

return M
