-- The server's commands.
local M = {}

--- @param message string
--- @param level? integer
function M.say(message, level) vim.notify('Squill: ' .. message, level or vim.log.levels.INFO) end

--- The server of a buffer, else any that runs. Says so where there is none.
--- @param buf integer
--- @return vim.lsp.Client?
function M.client(buf)
  local found = vim.lsp.get_clients({ bufnr = buf, name = 'squill' })[1]
    or vim.lsp.get_clients({ name = 'squill' })[1]
  if not found then
    M.say('its language server does not run. Open an SQL file, or see :checkhealth squill.', vim.log.levels.WARN)
  end
  return found
end

--- @param name string without the leading "squill."
--- @param given table
--- @param done fun(answer: table, client: vim.lsp.Client)
function M.execute(name, given, done)
  local buf = vim.api.nvim_get_current_buf()
  local client = M.client(buf)
  if not client then return end
  if vim.tbl_isempty(given) then given = vim.empty_dict() end
  local params = { command = 'squill.' .. name, arguments = { given } }
  client:request('workspace/executeCommand', params, function(err, answer)
    if err then
      M.say(err.message, vim.log.levels.WARN)
    else
      done(answer, client)
    end
  end, buf)
end

--- As `execute`, with the cursor's place; an `edit` in the answer is applied.
--- @param name string
--- @param done? fun(answer: table)
function M.execute_here(name, done)
  local client = M.client(vim.api.nvim_get_current_buf())
  if not client then return end
  local place = vim.lsp.util.make_position_params(0, client.offset_encoding)
  local given = { uri = place.textDocument.uri, position = place.position }
  M.execute(name, given, function(answer)
    if answer.edit then vim.lsp.util.apply_workspace_edit(answer.edit, client.offset_encoding) end
    if done then done(answer) end
  end)
end

return M
