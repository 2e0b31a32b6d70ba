-- Trust of the workspace: one list for all of Squill's front ends, which the server keeps.
local server = require('squill.server')

local M = {}

--- What an untrusted workspace's files would have set; the server says it once.
--- @param left_out table the params of `squill/untrusted`
function M.told(left_out)
  server.say(left_out.message .. ' :Squill trust shows them, and trusts the folder.', vim.log.levels.WARN)
end

--- Trust the folders of the current buffer's server, if the user says so.
function M.grant()
  local client = server.client(vim.api.nvim_get_current_buf())
  if not client then return end
  local folders = vim.tbl_map(function(folder) return folder.name end, client.workspace_folders or {})
  if #folders == 0 then
    server.say('there is no folder to trust. Open a file in one.', vim.log.levels.WARN)
    return
  end
  local question = 'Squill: do you know who wrote this folder? Its settings can choose what runs on this '
    .. 'machine, and its example pairs are learned.\n'
    .. table.concat(folders, '\n')
  if vim.fn.confirm(question, '&Trust\n&Leave', 2) == 1 then
    server.execute('trust', {}, function(answer) server.say('trusted: ' .. table.concat(answer.folders, ', ')) end)
  end
end

--- Take the folders off the list.
function M.revoke()
  server.execute('trust', { trusted = false }, function(answer)
    server.say('not trusted any more: ' .. table.concat(answer.folders, ', '))
  end)
end

return M
