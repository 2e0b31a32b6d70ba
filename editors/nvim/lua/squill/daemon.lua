-- The daemon itself, over MessagePack-RPC, which is Neovim's own protocol.
local options = require('squill.options')

local M = {}

local PROTOCOL = 1
local LONGEST_PATH = vim.uv.os_uname().sysname == 'Darwin' and 103 or 107
local MOST_FILES, MOST_BYTES = 64, 512 * 1024

local function environment(name)
  local value = vim.env[name]
  return value ~= nil and value ~= '' and value or nil
end

--- As `runtime_paths` in Squill's core/squill/paths.py has it.
--- @return string
function M.socket()
  local user = vim.uv.os_get_passwd().uid
  local base = environment('XDG_RUNTIME_DIR')
  local folder = environment('SQUILL_RUNTIME_DIR')
    or (base and base .. '/squill')
    or ('%s/squill-%d'):format(environment('TMPDIR') or '/tmp', user)
  local socket = ('%s/daemon-v%d.sock'):format(folder, PROTOCOL)
  if #socket <= LONGEST_PATH then return socket end
  local digest = vim.fn.sha256(folder):sub(1, 16)
  return ('/tmp/squill-%d-%s/daemon-v%d.sock'):format(user, digest, PROTOCOL)
end

--- @return integer? channel
local function connect()
  local ok, channel = pcall(vim.fn.sockconnect, 'pipe', M.socket(), { rpc = true })
  return ok and channel > 0 and channel or nil
end

--- Neovim drops the map that a refusal comes as; what the daemon says of itself may explain it.
local function reason(channel, workspace)
  local ok, status = pcall(vim.rpcrequest, channel, 'status', vim.empty_dict())
  if not ok then return 'The daemon ended the connection. See :Squill logs.' end
  local owner = status.model_named_by or ''
  if owner ~= '' and workspace and owner ~= workspace then
    return ('The daemon serves %s for %s. `squill model use` chooses for all workspaces.'):format(status.model, owner)
  end
  local said = status.message ~= '' and status.message or 'The daemon refused the request.'
  return said .. ' See :Squill logs.'
end

--- One request on a connection of its own. Waits for the answer; CTRL-C ends the waiting.
--- @param method string
--- @param params table
--- @return table? result
--- @return string? error
function M.call(method, params)
  local channel = connect()
  if not channel then return nil, 'No daemon is running.' end
  local greeting = { protocol = PROTOCOL, client = { name = 'nvim', version = tostring(vim.version()) } }
  local ok, result = pcall(vim.rpcrequest, channel, 'hello', greeting)
  if ok then
    ok, result = pcall(vim.rpcrequest, channel, method, params)
  end
  local failure = not ok and reason(channel, params.workspace) or nil
  pcall(vim.fn.chanclose, channel)
  if failure then return nil, failure end
  return result
end

--- Call `done` once a daemon takes requests; one is started where none runs.
--- @param done fun(error: string?)
function M.started(done)
  local channel = connect()
  if channel then
    vim.fn.chanclose(channel)
    done(nil)
    return
  end
  local command = vim.list_extend(vim.list_slice(options.command()), { 'daemon', 'start', '--no-wait' })
  local ok, failure = pcall(vim.system, command, { text = true, cwd = '/' }, vim.schedule_wrap(function(ended)
    done(ended.code ~= 0 and vim.trim(ended.stderr) or nil)
  end))
  if not ok then done(tostring(failure)) end
end

--- The table definitions around a buffer: the workspace's files, open buffers, itself last.
--- @param buf integer
--- @return string[]
function M.definitions(buf)
  local texts, open = {}, {}
  for _, other in ipairs(vim.api.nvim_list_bufs()) do
    if other ~= buf and vim.api.nvim_buf_is_loaded(other) and vim.bo[other].filetype:find('sql') then
      open[vim.api.nvim_buf_get_name(other)] = other
    end
  end
  open[vim.api.nvim_buf_get_name(buf)] = buf
  local root = require('squill.root').of(buf)
  local function is_sql(name) return name:find('%.sql$') ~= nil or name:find('%.ddl$') ~= nil end
  for _, path in ipairs(root and vim.fs.find(is_sql, { path = root, type = 'file', limit = MOST_FILES }) or {}) do
    local stat = vim.uv.fs_stat(path)
    if not open[path] and stat and stat.size <= MOST_BYTES then
      table.insert(texts, table.concat(vim.fn.readfile(path), '\n'))
    end
  end
  for _, other in pairs(open) do
    if other ~= buf then table.insert(texts, M.text(other)) end
  end
  return vim.list_extend(texts, { M.text(buf) })
end

--- @param buf integer
--- @return string
function M.text(buf) return table.concat(vim.api.nvim_buf_get_lines(buf, 0, -1, false), '\n') end

--- Ask for one query.
--- @param question string
--- @param buf integer whose tables are meant
--- @return table? answer as the daemon's `generate` gives it
--- @return string? error
function M.ask(question, buf)
  return M.call('generate', {
    question = question,
    schema = M.definitions(buf),
    workspace = require('squill.root').of(buf) or '',
  })
end

return M
