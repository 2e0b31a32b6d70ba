-- What the server says of itself, for status lines.
local M = {}

--- @type table<integer, table> the last `squill/status` of each client
local last = {}

local SHOWN = {
  starting = 'starting',
  loading = 'loading',
  ready = 'ready',
  thinking = 'thinking',
  learning = 'learning',
  idle = 'idle',
  trouble = 'trouble',
}

--- @param client_id integer
--- @param status table the params of `squill/status`
function M.told(client_id, status)
  last[client_id] = status
  vim.schedule(function()
    vim.api.nvim_exec_autocmds('User', {
      pattern = 'SquillStatus',
      modeline = false,
      data = status,
    })
    vim.cmd.redrawstatus()
  end)
end

--- @param buf integer
--- @return table? status
function M.of(buf)
  local client = vim.lsp.get_clients({ bufnr = buf, name = 'squill' })[1]
  return client and last[client.id]
end

--- @param buf integer
--- @return string
function M.line(buf)
  local status = M.of(buf)
  if not status then return '' end
  local dialect = status.dialect ~= '' and (' ' .. status.dialect) or ''
  return ('squill %s%s'):format(SHOWN[status.state] or status.state, dialect)
end

return M
