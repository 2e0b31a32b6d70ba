-- The keys of ghost text, in SQL buffers, where nothing else has them.
local M = {}

local function jump_or_insert_tab()
  if vim.snippet.active({ direction = 1 }) then
    vim.snippet.jump(1)
  else
    vim.api.nvim_feedkeys(vim.keycode('<Tab>'), 'n', false)
  end
end

local function insert(keys)
  return function() vim.api.nvim_feedkeys(vim.keycode(keys), 'n', false) end
end

local KEYS = {
  { '<Tab>', function() return require('squill').accept('all') end, jump_or_insert_tab },
  { '<C-Right>', function() return require('squill').accept('word') end, insert('<C-Right>') },
  { '<C-Down>', function() return require('squill').accept('line') end, insert('<C-Down>') },
  { '<C-]>', function() return require('squill').dismiss() end, insert('<C-]>') },
}

--- Whether the key is the user's. Neovim's own map of <Tab> jumps in snippets, as ours goes on to.
local function is_taken(key)
  local map = vim.fn.maparg(key, 'i', false, true)
  return not vim.tbl_isempty(map) and not (map.desc or ''):find('^vim%.snippet%.jump')
end

--- @param buf integer
function M.set(buf)
  vim.api.nvim_buf_call(buf, function()
    for _, entry in ipairs(KEYS) do
      local key, act, otherwise = unpack(entry)
      if not is_taken(key) then
        local function press()
          if not act() then otherwise() end
        end
        vim.keymap.set('i', key, press, { buffer = buf, desc = 'Squill: ghost text' })
      end
    end
  end)
end

return M
