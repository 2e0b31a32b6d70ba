-- What "a word" and "a line" of a text are. Pure functions of strings.
local M = {}

--- @param text string
--- @return string
function M.all(text) return text end

--- White space and the word, or the one other sign, after it.
--- @param text string
--- @return string
function M.word(text)
  local space = text:match('^%s*')
  local rest = text:sub(#space + 1)
  -- Bytes over 127 belong to letters of other scripts, which must not be cut in two.
  local word = rest:match('^[%w_\128-\255]+') or rest:sub(1, 1)
  return space .. word
end

--- The text up to the end of its first line that is not empty.
--- @param text string
--- @return string
function M.line(text) return text:match('^\n*[^\n]*') end

return M
