model M
let y = a b
