-- `:Squill` and its subcommands.
local server = require('squill.server')
local window = require('squill.window')

local M = {}

local function say(message) server.say(message) end

local function short(digest) return (digest or ''):sub(1, 12) end

--- Nested values as indented lines, keys in order.
local function outline(value, indent)
  local lines = {}
  local keys = vim.tbl_keys(value)
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(keys) do
    local item = value[key]
    if type(item) == 'table' and not vim.tbl_isempty(item) then
      table.insert(lines, ('%s%s'):format(indent, key))
      vim.list_extend(lines, outline(item, indent .. '  '))
    elseif type(item) ~= 'table' and item ~= vim.NIL and item ~= '' then
      table.insert(lines, ('%s%s: %s'):format(indent, key, tostring(item)))
    end
  end
  return lines
end

--- The output of the program `squill`, in a window.
local function run_program(title, arguments)
  local command = vim.list_extend(vim.list_slice(require('squill.options').command()), arguments)
  local ok, failure = pcall(vim.system, command, { text = true, cwd = '/' }, vim.schedule_wrap(function(ended)
    window.show(title, ended.stdout ~= '' and ended.stdout or ended.stderr)
  end))
  if not ok then server.say(tostring(failure), vim.log.levels.WARN) end
end

local function show_checks(report)
  local marks = { ok = 'ok  ', warning = 'warn', failure = 'FAIL' }
  local lines = {}
  for _, check in ipairs(report.checks) do
    local line = ('%s  %s: %s'):format(marks[check.status], check.name, check.detail)
    vim.list_extend(lines, vim.split(line, '\n', { plain = true }))
    if check.remedy and check.remedy ~= '' then table.insert(lines, '        ' .. check.remedy) end
  end
  window.show('doctor', lines)
end

local function show_adapters(found)
  local lines = {}
  for _, adapter in ipairs(found.adapters) do
    local mark = adapter.active and '*' or ' '
    local about = adapter.reason and adapter.reason ~= vim.NIL and adapter.reason or ''
    table.insert(lines, ('%s %s  %s pairs  %s'):format(mark, short(adapter.digest), adapter.pairs, about))
  end
  window.show('adapters', #lines > 0 and lines or { 'Nothing was learned yet.' })
end

local function ask(question)
  if question == '' then
    server.say('say what you want to know: :Squill ask How many students are there?', vim.log.levels.WARN)
    return
  end
  local daemon, buf = require('squill.daemon'), vim.api.nvim_get_current_buf()
  daemon.started(function(failure)
    local answer
    if not failure then
      answer, failure = daemon.ask(question, buf)
    end
    if not answer then
      server.say(failure or 'no answer', vim.log.levels.WARN)
    elseif not answer.candidates[1] then
      server.say('no valid query. ' .. tostring(answer.refused), vim.log.levels.WARN)
    else
      window.show('ask', { '-- ' .. question, answer.candidates[1].sql .. ';' }, 'sql')
    end
  end)
end

--- @type table<string, { about: string, run: fun(rest: string) }>
M.subcommands = {
  write = {
    about = 'write SQL for the comment at the cursor',
    run = function()
      vim.lsp.buf.code_action({
        apply = true,
        filter = function(action) return action.title == 'Write SQL from this comment' end,
      })
    end,
  },
  explain = {
    about = 'put what the statement asks for in a comment above it',
    run = function() server.execute_here('explain') end,
  },
  fix = {
    about = 'mend a statement that does not fit the tables',
    run = function() server.execute_here('fix') end,
  },
  another = {
    about = 'write another query for the comment at the cursor',
    run = function() server.execute_here('regenerate') end,
  },
  keep = {
    about = 'keep comment and statement as an example to learn from',
    run = function()
      server.execute_here('keepExample', function(answer)
        say(answer.kept and ('kept as an example: ' .. answer.question) or ('not used: ' .. answer.reason))
      end)
    end,
  },
  forget = {
    about = 'forget the example at the cursor',
    run = function()
      server.execute_here('forgetExample', function(answer)
        say(('%s forgotten: %s'):format(answer.forgotten, answer.question))
      end)
    end,
  },
  retrain = {
    about = 'learn the examples now',
    run = function()
      server.execute('retrain', {}, function(answer)
        say(answer.started and 'it learns the examples now' or 'it is learning already')
      end)
    end,
  },
  rollback = {
    about = 'go back to the adapter before',
    run = function()
      server.execute('rollbackAdapter', {}, function() say('back to the adapter before') end)
    end,
  },
  adapters = {
    about = 'what was learned; with a digest: use that one ("none" for none)',
    run = function(digest)
      if digest == '' then
        server.execute('adapters', {}, show_adapters)
      else
        server.execute('activateAdapter', { digest = digest }, function() say('in use: ' .. digest) end)
      end
    end,
  },
  pairs = {
    about = 'the example pairs of this workspace',
    run = function()
      server.execute('pairs', {}, function(found) window.show('pairs', outline(found, '')) end)
    end,
  },
  status = {
    about = 'what the server and the daemon are doing',
    run = function()
      server.execute('status', {}, function(found) window.show('status', outline(found, '')) end)
    end,
  },
  restart = {
    about = 'end the daemon and start another',
    run = function()
      server.execute('restart', {}, function(found) say('restarted: ' .. found.daemon.state) end)
    end,
  },
  doctor = {
    about = 'look at the whole chain',
    run = function() server.execute('doctor', {}, show_checks) end,
  },
  logs = {
    about = "the daemon's log",
    run = function() run_program('logs', { 'logs' }) end,
  },
  trust = {
    about = "use the workspace's settings and example pairs",
    run = function() require('squill.trust').grant() end,
  },
  distrust = {
    about = "stop using the workspace's settings and example pairs",
    run = function() require('squill.trust').revoke() end,
  },
  ask = { about = 'ask the daemon a question', run = ask },
}

--- @param call vim.api.keyset.create_user_command.command_args
function M.run(call)
  local name, rest = call.args:match('^(%S*)%s*(.-)%s*$')
  local subcommand = M.subcommands[name]
  if subcommand then
    subcommand.run(rest)
  else
    local known = vim.tbl_keys(M.subcommands)
    table.sort(known)
    server.say(('there is no :Squill %s. There are: %s'):format(name, table.concat(known, ', ')), vim.log.levels.WARN)
  end
end

--- @param lead string
--- @param line string
--- @return string[]
function M.complete(lead, line)
  if not line:match('^%s*%S+%s+%S*$') then return {} end
  local found = vim.tbl_filter(function(name) return vim.startswith(name, lead) end, vim.tbl_keys(M.subcommands))
  table.sort(found)
  return found
end

return M
