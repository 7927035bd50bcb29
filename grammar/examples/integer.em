model M
let y = 3
