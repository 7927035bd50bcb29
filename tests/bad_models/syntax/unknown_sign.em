model M
let y = x ? 1
