-- `:checkhealth squill`.
local options = require('squill.options')

local M = {}

local DOCTOR_MILLISECONDS = 120000

local function check_neovim()
  if vim.fn.has('nvim-0.11') == 0 then
    vim.health.error('Neovim is older than 0.11', 'Update it: vim.lsp.config came with 0.11.')
  elseif vim.lsp.inline_completion then
    vim.health.ok("ghost text: by Neovim's own inline completion")
  else
    vim.health.ok("ghost text: by Squill's own extmarks (Neovim 0.12 brings its own)")
  end
  for _, problem in ipairs(options.problems()) do
    vim.health.warn(problem, 'See :help squill-options.')
  end
end

--- @return boolean found
local function check_program()
  local program = options.command()[1]
  if vim.fn.executable(program) == 0 then
    vim.health.error(
      ('there is no program `%s`'):format(program),
      'Install Squill (`uv tool install .` in a clone of its repository), or name the program in vim.g.squill.command.'
    )
    return false
  end
  vim.health.ok(('program: %s'):format(vim.fn.exepath(program)))
  return true
end

local function check_server()
  local clients = vim.lsp.get_clients({ name = 'squill' })
  if #clients == 0 then
    vim.health.info('the language server does not run; it starts with the first SQL file')
  end
  for _, client in ipairs(clients) do
    local buffers = vim.tbl_count(client.attached_buffers)
    vim.health.ok(('language server: %d buffers, %s'):format(buffers, client.root_dir or 'no folder'))
  end
end

local function check_chain()
  local command = vim.list_extend(vim.list_slice(options.command()), { 'doctor', '--json', '--workspace', vim.fn.getcwd() })
  local ended = vim.system(command, { text = true, cwd = '/' }):wait(DOCTOR_MILLISECONDS)
  local ok, report = pcall(vim.json.decode, ended.stdout)
  if not ok then
    vim.health.error('`squill doctor` did not report', vim.trim(ended.stderr or ''))
    return
  end
  local say = { ok = vim.health.ok, warning = vim.health.warn, failure = vim.health.error }
  for _, check in ipairs(report.checks) do
    local remedy = check.remedy ~= '' and check.remedy or nil
    say[check.status](('%s: %s'):format(check.name, check.detail), remedy)
  end
end

function M.check()
  vim.health.start('Squill in Neovim')
  check_neovim()
  local found = check_program()
  check_server()
  if found then
    vim.health.start('Squill itself (squill doctor)')
    check_chain()
  end
end

return M
