if vim.g.loaded_squill or vim.fn.has('nvim-0.11') == 0 then return end
vim.g.loaded_squill = true
require('squill.start')
