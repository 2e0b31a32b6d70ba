-- Ghost text by an extmark, for Neovim 0.11, which has no inline completion of its own.
local parts = require('squill.parts')

local M = {}

local METHOD = 'textDocument/inlineCompletion'
local INVOKED, AUTOMATIC = 1, 2

local namespace = vim.api.nvim_create_namespace('squill.ghost')

--- @class squill.Ghost
--- @field client_id integer
--- @field text string what was offered, from `start` on
--- @field start [integer, integer] row and column (bytes), from 0
--- @field finish integer extmark where the offer ends that it replaces
--- @field mark? integer extmark that shows it
--- @field command? lsp.Command to be run once all of it is taken

--- @type table<integer, squill.Ghost> by buffer
local shown = {}
--- @type table<integer, { client: vim.lsp.Client, id: integer }> by buffer
local asked = {}
--- @type table<integer, string> by buffer: the last place that was looked at
local seen = {}

local function cursor()
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  return row - 1, column
end

--- Text and cursor, so that an answer can be told to be late.
local function place(buf)
  local row, column = cursor()
  return ('%d:%d:%d'):format(vim.api.nvim_buf_get_changedtick(buf), row, column)
end

local function inserting(buf)
  return vim.api.nvim_get_current_buf() == buf and vim.api.nvim_get_mode().mode:find('^i') ~= nil
end

local function cancel(buf)
  local request = asked[buf]
  asked[buf] = nil
  if request then request.client:cancel_request(request.id) end
end

local function clear(buf)
  cancel(buf)
  shown[buf] = nil
  if vim.api.nvim_buf_is_valid(buf) then
    vim.api.nvim_buf_clear_namespace(buf, namespace, 0, -1)
  end
end

--- What of the offer is not in the buffer yet; nil where the buffer goes another way.
--- @param buf integer
--- @param ghost squill.Ghost
--- @return string?
local function rest_of(buf, ghost)
  local row, column = cursor()
  local first, from = unpack(ghost.start)
  if row < first or (row == first and column < from) then return nil end
  local lines = vim.api.nvim_buf_get_text(buf, first, from, row, column, {})
  local typed = table.concat(lines, '\n')
  if #typed < #ghost.text and vim.startswith(ghost.text, typed) then
    return ghost.text:sub(#typed + 1)
  end
end

local function render(buf, ghost, rest)
  local row, column = cursor()
  local lines = {}
  for _, line in ipairs(vim.split(rest, '\n', { plain = true })) do
    table.insert(lines, { { line, 'SquillGhost' } })
  end
  local first = table.remove(lines, 1)
  ghost.mark = vim.api.nvim_buf_set_extmark(buf, namespace, row, column, {
    id = ghost.mark,
    virt_text = first,
    virt_text_pos = 'inline',
    virt_lines = #lines > 0 and lines or nil,
  })
end

--- Byte column of an LSP position.
local function byte_column(buf, position, encoding)
  local line = vim.api.nvim_buf_get_lines(buf, position.line, position.line + 1, false)[1] or ''
  return vim.str_byteindex(line, encoding, position.character, false)
end

local function show(buf, client, item)
  local text = item.insertText
  if type(text) ~= 'string' or text == '' then return end
  local row, column = cursor()
  local start, finish = { row, column }, { row, column }
  if item.range then
    local from, to = item.range.start, item.range['end']
    start = { from.line, byte_column(buf, from, client.offset_encoding) }
    finish = { to.line, byte_column(buf, to, client.offset_encoding) }
  end
  local ghost = { client_id = client.id, text = text, start = start, command = item.command }
  local rest = rest_of(buf, ghost)
  if not rest then return end
  ghost.finish = vim.api.nvim_buf_set_extmark(buf, namespace, finish[1], finish[2], {})
  shown[buf] = ghost
  render(buf, ghost, rest)
  vim.api.nvim_exec_autocmds('User', { pattern = 'SquillGhost', modeline = false })
end

--- @param buf integer
--- @param kind integer
local function ask(buf, kind)
  cancel(buf)
  local client = vim.lsp.get_clients({ bufnr = buf, name = 'squill' })[1]
  if not client then return end
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  params.context = { triggerKind = kind }
  local asked_at = place(buf)
  -- The buffer's own number: with 0, Neovim 0.11 would not send the last change first.
  local sent, id = client:request(METHOD, params, function(_, result)
    asked[buf] = nil
    if not result or not inserting(buf) or place(buf) ~= asked_at then return end
    local item = (result.items or result)[1]
    if item then show(buf, client, item) end
  end, buf)
  if sent and id then asked[buf] = { client = client, id = id } end
end

--- The text or the cursor may have changed: go on with what is shown, or ask anew.
local function changed(buf)
  if seen[buf] == place(buf) then return end
  seen[buf] = place(buf)
  local ghost = shown[buf]
  local rest = ghost and rest_of(buf, ghost)
  if ghost and rest then
    render(buf, ghost, rest)
    return
  end
  clear(buf)
  ask(buf, AUTOMATIC)
end

--- @param buf integer
function M.attach(_, buf)
  local group = vim.api.nvim_create_augroup('squill.ghost.' .. buf, {})
  vim.api.nvim_create_autocmd({ 'InsertEnter', 'TextChangedI', 'CursorMovedI' }, {
    group = group,
    buffer = buf,
    callback = function()
      if inserting(buf) then changed(buf) end
    end,
  })
  vim.api.nvim_create_autocmd({ 'InsertLeave', 'BufLeave', 'LspDetach', 'BufUnload' }, {
    group = group,
    buffer = buf,
    callback = function()
      clear(buf)
      seen[buf] = nil
    end,
  })
  -- Somebody may type already while the server starts.
  if inserting(buf) then changed(buf) end
end

--- @return boolean
function M.visible() return shown[vim.api.nvim_get_current_buf()] ~= nil end

--- @param part 'all'|'word'|'line'
--- @return boolean taken
function M.accept(part)
  local buf = vim.api.nvim_get_current_buf()
  local ghost = shown[buf]
  local rest = ghost and rest_of(buf, ghost)
  if not ghost or not rest then return false end
  local taken = parts[part](rest)
  local is_last = taken == rest
  local row, column = cursor()
  local to = { row, column }
  if is_last then to = vim.api.nvim_buf_get_extmark_by_id(buf, namespace, ghost.finish, {}) end
  local lines = vim.split(taken, '\n', { plain = true })
  -- To set it, be it to the same, begins a new undo step: what is taken can be undone by itself.
  vim.bo[buf].undolevels = vim.bo[buf].undolevels
  vim.api.nvim_buf_set_text(buf, row, column, to[1], to[2], lines)
  local before = #lines == 1 and column or 0
  vim.api.nvim_win_set_cursor(0, { row + #lines, before + #lines[#lines] })
  if is_last then
    clear(buf)
    M.report(ghost)
  else
    seen[buf] = place(buf)
    render(buf, ghost, rest:sub(#taken + 1))
  end
  return true
end

--- Tell the server that all of it was taken.
--- @param ghost squill.Ghost
function M.report(ghost)
  local client = vim.lsp.get_client_by_id(ghost.client_id)
  local buf = vim.api.nvim_get_current_buf()
  if client and ghost.command then
    client:exec_cmd(ghost.command, { bufnr = buf }, function() end)
  end
end

--- @return boolean hidden
function M.dismiss()
  local buf = vim.api.nvim_get_current_buf()
  local was_shown = shown[buf] ~= nil
  clear(buf)
  seen[buf] = place(buf)
  return was_shown
end

function M.request()
  local buf = vim.api.nvim_get_current_buf()
  clear(buf)
  seen[buf] = place(buf)
  ask(buf, INVOKED)
end

return M
