-- Which folder a file's workspace is.
local M = {}

local MARKERS = { 'squill.toml', '.squill', '.git' }

--- The nearest folder with a marker; else the current one, if the file lies in it and it is no
--- place that holds everything (whose files would all be read).
--- @param buf integer
--- @return string? folder
function M.of(buf)
  local marked = vim.fs.root(buf, MARKERS)
  if marked then return marked end
  local here = vim.fs.normalize(vim.fn.getcwd())
  local home = vim.fs.normalize('~')
  local file = vim.fs.normalize(vim.api.nvim_buf_get_name(buf))
  local is_too_wide = here == home or here == '/'
  if not is_too_wide and vim.startswith(file, here .. '/') then return here end
end

return M
