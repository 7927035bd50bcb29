model M
let y == 2
