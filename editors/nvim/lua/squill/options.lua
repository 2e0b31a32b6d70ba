-- The options in `vim.g.squill`; all have defaults, so that nothing needs to be set.
local M = {}

local defaults = {
  enable = true, -- start the language server for SQL files
  command = { 'squill' }, -- how the program `squill` is called
  ghost_text = true, -- false: completion items instead
  keymaps = true, -- <Tab>, <C-Right>, <C-Down>, <C-]> in insert mode, where they are free
}

--- @param name 'enable'|'command'|'ghost_text'|'keymaps'
function M.get(name)
  local value = (vim.g.squill or {})[name]
  if value == nil then value = defaults[name] end
  return value
end

--- @return string[]
function M.command()
  local command = M.get('command')
  return type(command) == 'string' and { command } or command
end

--- What is set but means nothing, or is of the wrong type; for `:checkhealth`.
--- @return string[]
function M.problems()
  local found = {}
  for name, value in pairs(vim.g.squill or {}) do
    local default = defaults[name]
    local is_text = name == 'command' and type(value) == 'string'
    if default == nil then
      table.insert(found, ('vim.g.squill.%s means nothing'):format(name))
    elseif type(value) ~= type(default) and not is_text then
      table.insert(found, ('vim.g.squill.%s must be a %s'):format(name, type(default)))
    end
  end
  return found
end

return M
